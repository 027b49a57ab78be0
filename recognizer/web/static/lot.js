// A lot's page: the picture is zoomed and tapped. Without it everything is there to be read.
(function () {
  "use strict";
  var NEAREST = 24;  // times
  var TAP = 8;  // pixels that a finger may move and still tap

  function begin() { document.querySelectorAll("section.lot").forEach(setUp); }

  function setUp(lot) {
    var svg = lot.querySelector(".whole");
    var layer = svg.querySelector(".pins");
    var panel = lot.querySelector(".picked");
    var whole = svg.viewBox.baseVal;
    var size = { w: whole.width, h: whole.height };
    var view = { x: 0, y: 0, w: size.w, h: size.h };
    var fingers = new Map();
    var start = null;  // how a gesture began
    var picked = null;

    lot.querySelector(".tools").hidden = false;
    pins().forEach(function (pin, at) { pin.setAttribute("tabindex", at ? "-1" : "0"); });

    function pins() { return Array.from(layer.querySelectorAll("a")); }
    function pinOf(number) { return layer.querySelector('a[data-pin="' + number + '"]'); }
    function unit() {  // pixels of the picture in one of the screen
      var box = svg.getBoundingClientRect();
      return Math.max(view.w / Math.max(box.width, 1), view.h / Math.max(box.height, 1));
    }
    function place(event) {
      var at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return { x: at.x, y: at.y };
    }

    // Zooming

    function look(x, y, w) {
      view.w = Math.min(size.w, Math.max(size.w / NEAREST, w));
      view.h = view.w * size.h / size.w;
      view.x = Math.min(size.w - view.w, Math.max(0, x));
      view.y = Math.min(size.h - view.h, Math.max(0, y));
      svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].join(" "));
      svg.classList.toggle("near", view.w < size.w * 0.999);
      var one = unit();
      layer.setAttribute("font-size", Math.min(15, Math.max(8.5, Number(svg.dataset.label) / one)) * one);
    }
    function zoom(factor, at) {
      at = at || { x: view.x + view.w / 2, y: view.y + view.h / 2 };
      var w = Math.min(size.w, Math.max(size.w / NEAREST, view.w / factor));
      look(at.x - (at.x - view.x) * w / view.w, at.y - (at.y - view.y) * w / view.w, w);
    }
    function show(pin) {  // see that a pin is in sight
      var box = pin.getBBox();
      if (box.x < view.x || box.y < view.y || box.x + box.width > view.x + view.w || box.y + box.height > view.y + view.h) {
        look(box.x + box.width / 2 - view.w / 2, box.y + box.height / 2 - view.h / 2, view.w);
      }
    }

    svg.addEventListener("wheel", function (event) {
      if (!event.ctrlKey && !event.metaKey) { return; }
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 200), place(event));
    }, { passive: false });
    svg.addEventListener("dblclick", function (event) { event.preventDefault(); zoom(2, place(event)); });

    svg.addEventListener("pointerdown", function (event) {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      start = { x: event.clientX, y: event.clientY, moved: false, view: { x: view.x, y: view.y } };
      if (fingers.size === 2) {
        start.apart = apart();
        start.w = view.w;
        start.moved = true;
      }
    });
    svg.addEventListener("pointermove", function (event) {
      if (!fingers.has(event.pointerId) || !start) { return; }
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      if (fingers.size === 2) {
        var both = Array.from(fingers.values());
        var middle = place({ clientX: (both[0].x + both[1].x) / 2, clientY: (both[0].y + both[1].y) / 2 });
        zoom(start.w * apart() / start.apart / view.w, middle);
        return;
      }
      if (!start.moved && Math.hypot(event.clientX - start.x, event.clientY - start.y) < TAP) { return; }
      start.moved = true;
      if (view.w < size.w * 0.999) {
        if (event.pointerType === "mouse") { svg.setPointerCapture(event.pointerId); }
        var one = unit();
        look(start.view.x - (event.clientX - start.x) * one, start.view.y - (event.clientY - start.y) * one, view.w);
      }
    });
    ["pointerup", "pointercancel"].forEach(function (name) {
      svg.addEventListener(name, function (event) {
        var known = fingers.delete(event.pointerId);
        if (name === "pointerup" && known && start && !start.moved && fingers.size === 0) { tap(event); }
        if (fingers.size === 0) { start = null; }
      });
    });
    function apart() {
      var both = Array.from(fingers.values());
      return Math.max(1, Math.hypot(both[0].x - both[1].x, both[0].y - both[1].y));
    }
    function tap(event) {
      var under = document.elementFromPoint(event.clientX, event.clientY);
      pick(under && under.closest ? under.closest("a[data-pin]") : null);
    }
    svg.addEventListener("click", function (event) {
      var pin = event.target.closest("a[data-pin]");
      if (!pin) { return; }
      event.preventDefault();
      if (event.detail === 0) { pick(pin); }  // by the keyboard
    });
    svg.addEventListener("dragstart", function (event) { event.preventDefault(); });

    // By keyboard: arrows go from pin to pin, + and - zoom.

    svg.addEventListener("keydown", function (event) {
      var pin = event.target.closest("a[data-pin]");
      var step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "+" || event.key === "=") { zoom(1.5, pin ? middleOf(pin) : null); }
      else if (event.key === "-") { zoom(1 / 1.5, pin ? middleOf(pin) : null); }
      else if (event.key === "0") { look(0, 0, size.w); }
      else if (event.key === "Escape") { pick(null); }
      else if (step && pin) { go(pin, step); }
      else { return; }
      event.preventDefault();
    });
    function middleOf(pin) {
      var box = pin.firstElementChild.getBBox();
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    }
    function go(pin, step) {
      var from = middleOf(pin);
      var best = null;
      var least = Infinity;
      pins().forEach(function (other) {
        var to = middleOf(other);
        var along = (to.x - from.x) * step[0] + (to.y - from.y) * step[1];
        var across = Math.abs((to.x - from.x) * step[1]) + Math.abs((to.y - from.y) * step[0]);
        if (other === pin || along <= 0 || along + 2 * across >= least) { return; }
        least = along + 2 * across;
        best = other;
      });
      if (best) { rove(best); best.focus({ preventScroll: true }); show(best); }
    }
    function rove(pin) {
      pins().forEach(function (one) { one.setAttribute("tabindex", one === pin ? "0" : "-1"); });
    }

    // Picking: the card of a pin beside the picture, so that the picture stays in sight.

    function cardOf(number) {
      var chip = lot.querySelector('.found [data-at="' + number + '"]');
      return chip ? chip.closest(".one") : null;
    }
    function pick(pin) {
      lot.querySelectorAll(".on").forEach(function (one) { one.classList.remove("on"); });
      picked = pin;
      panel.hidden = !pin;
      if (!pin) { return; }
      rove(pin);
      pin.classList.add("on");
      var card = cardOf(pin.dataset.pin);
      var shown = panel.firstElementChild;
      shown.replaceChildren();
      if (card) {
        card.classList.add("on");
        var copy = document.createElement("div");
        copy.className = card.className.replace(" on", "");
        copy.append.apply(copy, Array.from(card.cloneNode(true).childNodes));
        copy.querySelectorAll("[id]").forEach(function (one) { one.remove(); });
        copy.querySelectorAll("[data-at]").forEach(function (one) {
          if (one.dataset.at !== pin.dataset.pin) { one.remove(); }
        });
        var photo = copy.querySelector(".looks img");
        photo.src = photo.src.replace(/-\d+\.jpg$/, "-" + pin.dataset.pin + ".jpg");
        copy.querySelectorAll("img").forEach(function (one) { one.loading = "eager"; });
        var more = copy.querySelector(".more");
        more.href = more.href.replace(/\/\d+$/, "/" + pin.dataset.pin);
        shown.append(copy);
      }
      history.replaceState(null, "", pin.getAttribute("href"));
    }
    lot.addEventListener("click", function (event) {
      var chip = event.target.closest("[data-at]");
      if (!chip) { return; }
      var pin = pinOf(chip.dataset.at);
      if (!pin) { return; }
      event.preventDefault();
      pick(pin);
      show(pin);
    });
    lot.addEventListener("click", function (event) {
      var button = event.target.closest("[data-do]");
      if (!button) { return; }
      var what = button.dataset.do;
      if (what === "in") { zoom(1.6, picked ? middleOf(picked) : null); }
      else if (what === "out") { zoom(1 / 1.6); }
      else if (what === "all") { look(0, 0, size.w); }
      else if (what === "close") { pick(null); }
    });

    look(0, 0, size.w);
    new ResizeObserver(function () { look(view.x, view.y, view.w); }).observe(svg);
    var asked = /^#pin-\d+-(\d+)$/.exec(location.hash);
    if (asked && document.getElementById(location.hash.slice(1)) && lot.contains(document.getElementById(location.hash.slice(1)))) {
      var pin = pinOf(asked[1]);
      if (pin) { pick(pin); }
    }
  }

  begin();
})();
