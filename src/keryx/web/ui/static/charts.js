// The graphs of the dashboard, from GET /api/v1/statistics.
(function () {
  "use strict";
  var charts = [];
  var language = document.documentElement.lang;

  function colour(name) {
    return window.getComputedStyle(document.documentElement).getPropertyValue("--keryx-" + name).trim();
  }

  function label(period, epoch) {
    var at = new Date(epoch * 1000);
    return period === "day"
      ? at.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" })
      : at.toLocaleDateString(language, { day: "numeric", month: "short" });
  }

  // By the hour for a day, else by the day: messages add up, of the queue the longest counts. Spam is
  // among the accepted; stacked on them it must not count twice.
  function gathered(series, period) {
    var found = {};
    Object.keys(series).forEach(function (name) {
      var values = {};
      series[name].forEach(function (point) {
        var at = new Date(point[0] * 1000);
        at.setMinutes(0, 0, 0);
        if (period !== "day") at.setHours(0);
        var begin = at.getTime() / 1000;
        values[begin] = name === "queue" ? Math.max(values[begin] || 0, point[1]) : (values[begin] || 0) + point[1];
      });
      found[name] = values;
    });
    Object.keys(found.accepted || {}).forEach(function (begin) {
      found.accepted[begin] -= (found.spam || {})[begin] || 0;
    });
    return Object.keys(found).reduce(function (all, name) {
      all[name] = Object.keys(found[name]).map(function (begin) { return [Number(begin), found[name][begin]]; });
      return all;
    }, {});
  }

  function dataset(canvas, name, points, times, stacked) {
    var values = {};
    points.forEach(function (point) { values[point[0]] = point[1]; });
    return {
      label: canvas.dataset[name],
      data: times.map(function (time) { return time in values ? values[time] : null; }),
      backgroundColor: colour(name),
      borderColor: colour(name),
      borderWidth: stacked ? 0 : 2,
      pointRadius: !stacked && points.length < 4 ? 3 : 0,
      fill: false,
      tension: 0.25,
      spanGaps: true,
      maxBarThickness: 22
    };
  }

  function draw(canvas, series) {
    var bars = canvas.dataset.chart === "messages";
    var names = (bars ? ["accepted", "spam", "rejected"] : ["queue"]).filter(function (name) { return series[name]; });
    var times = {};
    names.forEach(function (name) { series[name].forEach(function (point) { times[point[0]] = true; }); });
    times = Object.keys(times).map(Number).sort(function (a, b) { return a - b; });
    if (!times.length) return false;
    var grid = { color: colour("grid") };
    var ticks = { color: colour("ink"), maxRotation: 0, autoSkipPadding: 16 };
    charts.push(new Chart(canvas, {
      type: bars ? "bar" : "line",
      data: {
        labels: times.map(function (time) { return label(canvas.dataset.period, time); }),
        datasets: names.map(function (name) { return dataset(canvas, name, series[name], times, bars); })
      },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        locale: language,
        interaction: { mode: "index", intersect: false },
        plugins: { legend: { display: bars, position: "bottom", labels: { color: colour("ink"), boxWidth: 12 } } },
        scales: {
          x: { stacked: bars, grid: { display: false }, ticks: ticks },
          y: { stacked: bars, beginAtZero: true, grid: grid, border: { display: false }, suggestedMax: 5, ticks: { color: colour("ink"), precision: 0 } }
        }
      }
    }));
    return true;
  }

  function load(period) {
    var canvases = Array.prototype.slice.call(document.querySelectorAll('canvas[data-period="' + period + '"]'));
    if (!canvases.length) return;
    fetch("/api/v1/statistics?period=" + period, { credentials: "same-origin", headers: { accept: "application/json" } })
      .then(function (answer) { return answer.ok ? answer.json() : { series: {} }; })
      .catch(function () { return { series: {} }; })
      .then(function (found) {
        var series = gathered(found.series, period);
        var drawn = canvases.map(function (canvas) { return draw(canvas, series); });
        var note = canvases[0].closest(".card").querySelector("[data-chart-problem]");
        if (note) note.hidden = drawn.some(Boolean);
        canvases.forEach(function (canvas, place) { canvas.parentElement.hidden = !drawn[place]; canvas.parentElement.previousElementSibling.hidden = !drawn[place]; });
      });
  }

  function all() {
    charts.splice(0).forEach(function (chart) { chart.destroy(); });
    ["day", "month"].forEach(load);
  }

  all();
  new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
})();
