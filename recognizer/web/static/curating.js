// A queue by keyboard: J and K go from one thing to the next, 1 to 5 and U press the buttons of the one that is looked at.
(function () {
  "use strict";
  var items = Array.prototype.slice.call(document.querySelectorAll(".item"));
  if (!items.length) { return; }

  function here() { return items.indexOf(document.activeElement && document.activeElement.closest(".item")); }

  function go(to) {
    var item = items[Math.max(0, Math.min(items.length - 1, to))];
    item.focus({ preventScroll: true });
    item.scrollIntoView({ block: "center" });
  }

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { return; }
    var key = event.key.toLowerCase();
    // The same keys where the keyboard is Russian.
    key = { "о": "j", "л": "k", "г": "u" }[key] || key;
    if (key === "j") { go(here() + 1); return; }
    if (key === "k") { go(here() - 1); return; }
    var item = items[here()];
    var button = item && /^[1-5u]$/.test(key) && item.querySelector("[data-key='" + key + "']");
    if (!button || button.disabled) { return; }
    event.preventDefault();
    if (button.tagName === "INPUT") { button.focus(); } else { button.click(); }
  });

  // What is settled is left where it is, pale, and the next one is looked at.
  document.addEventListener("settled", function (event) {
    var item = event.target.closest(".item");
    if (!item) { return; }
    item.classList.add("settled");
    if (items.indexOf(item) === items.length - 1) { return; }
    go(items.indexOf(item) + 1);
  });
})();
