// Comfort only: every page works without it.
(function () {
  "use strict";

  // A refused form or a fresh secret is where the reader must be.
  var first = document.querySelector("[data-focus]");
  if (first) first.focus();

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-copy]");
    if (!button || !navigator.clipboard) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      button.classList.add("copied");
      window.setTimeout(function () { button.classList.remove("copied"); }, 1200);
    });
  });

  document.addEventListener("change", function (event) {
    var all = event.target.closest("[data-all]");
    if (all) {
      all.form.querySelectorAll('input[name="' + all.dataset.all + '"]').forEach(function (box) {
        box.checked = all.checked;
      });
    }
    var choice = event.target.closest("[data-submit]");
    if (choice) choice.form.requestSubmit();
  });

  // A part of a page that the server refuses (422, 409 ...) still says why: show it.
  document.addEventListener("htmx:beforeSwap", function (event) {
    var status = event.detail.xhr.status;
    var fragment = event.detail.xhr.responseText.indexOf("<html") === -1;
    if (status >= 400 && fragment) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });

  // Typing stays where it is; whoever cannot see the rows hears how many there are.
  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target.id !== "rows") return;
    var count = event.detail.target.querySelector(".pager p");
    var voice = document.getElementById("voice");
    if (count && voice) voice.textContent = count.textContent;
  });
})();
