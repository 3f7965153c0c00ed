// Follows the system's light or dark, unless the person has chosen. Loaded before the styles, so that no
// page flashes. The choice itself is a cookie that the server reads.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("script");
  if (root.dataset.appearance !== "auto") return;
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  function follow() {
    root.setAttribute("data-bs-theme", system.matches ? "dark" : "light");
  }
  follow();
  system.addEventListener("change", follow);
})();
