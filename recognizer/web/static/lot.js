// A lot's page: the picture is zoomed and tapped, pins are split, joined, deleted and drawn. Without it everything is
// there to be read, and plain forms change the pins.
(function () {
  "use strict";
  var NS = "http://www.w3.org/2000/svg";
  var NEAREST = 24;  // times
  var TAP = 8;  // pixels that a finger may move and still tap

  function begin() { document.querySelectorAll("section.lot").forEach(function (lot) { setUp(lot); }); }

  function setUp(lot, before) {  // before: what was looked at and is to be picked, where the picture's pins were changed
    var svg = lot.querySelector(".whole");
    var layer = svg.querySelector(".pins");
    var drawn = svg.querySelector(".drawn");
    var panel = lot.querySelector(".picked");
    var bar = lot.querySelector(".by-hand");
    var told = lot.querySelector(".told");
    var whole = svg.viewBox.baseVal;
    var size = { w: whole.width, h: whole.height };
    var view = { x: 0, y: 0, w: size.w, h: size.h };
    var fingers = new Map();
    var start = null;  // how a gesture began
    var picked = null;
    var mode = null;  // what is being changed: {what, pins, line, points, box}, as the form sends it

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
      drawn.querySelectorAll("circle").forEach(function (dot) { dot.setAttribute("r", 7 * one); });
      if (svg.dataset.whole && view.w < size.w / 2) {  // a large picture is loaded whole once somebody looks closely
        svg.querySelector("image").setAttribute("href", svg.dataset.whole);
      }
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
      start = { x: event.clientX, y: event.clientY, at: place(event), moved: false, view: { x: view.x, y: view.y } };
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
      if (mode && mode.what !== "join") { shape(start.at, place(event)); return; }
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
      var pin = under && under.closest ? under.closest("a[data-pin]") : null;
      if (!mode) { pick(pin); }
      else if (mode.what === "join") { if (pin) { toggle(pin); } }
      else if (mode.what === "draw") { corner(place(event)); }
    }
    svg.addEventListener("click", function (event) {
      var pin = event.target.closest("a[data-pin]");
      if (!pin) { return; }
      event.preventDefault();
      if (event.detail === 0) { if (!mode) { pick(pin); } else if (mode.what === "join") { toggle(pin); } }  // by keyboard
    });
    svg.addEventListener("dragstart", function (event) { event.preventDefault(); });

    // By keyboard: arrows go from pin to pin, + and - zoom.

    svg.addEventListener("keydown", function (event) {
      var pin = event.target.closest("a[data-pin]");
      var step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (event.key === "+" || event.key === "=") { zoom(1.5, pin ? middleOf(pin) : null); }
      else if (event.key === "-") { zoom(1 / 1.5, pin ? middleOf(pin) : null); }
      else if (event.key === "0") { look(0, 0, size.w); }
      else if (event.key === "Escape") { if (mode) { leave(); } else { pick(null); } }
      else if (event.key === "Enter" && mode && !pin) { send(); }
      else if (step && mode && mode.what !== "join") { nudge(step, event.shiftKey); }
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
        copy.querySelectorAll("form[data-quiet]").forEach(window.znachki.quiet);
        shown.append(copy);
      }
      history.replaceState(null, "", pin.getAttribute("href"));
    }
    lot.addEventListener("click", function (event) {
      var chip = event.target.closest("[data-at]");
      if (!chip) { return; }
      var pin = pinOf(chip.dataset.at);
      if (!pin || mode) { return; }
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
      else if (what === "leave") { leave(); }
      else if (what === "draw") { enter("draw", [], event.detail === 0); }
      else if (what === "cut" || what === "join") { enter(what, [picked.dataset.pin], event.detail === 0); }
      else if (what === "split" || what === "delete") {
        mode = { what: what, pins: [picked.dataset.pin], parts: button.dataset.parts };
        send();
      }
    });

    // Changing: a line, a box or a polygon is drawn over the picture, pins to be joined are marked, and the form sent.

    function enter(what, numbers, byKeys) {
      var pin = numbers.length ? pinOf(numbers[0]) : null;
      pick(null);
      mode = { what: what, pins: numbers, line: null, points: [], box: false };
      svg.classList.add("working");
      bar.hidden = false;
      say(bar.dataset[what] + (byKeys && bar.dataset[what + "Keys"] ? " " + bar.dataset[what + "Keys"] : ""));
      if (what === "cut") {
        var box = pin.firstElementChild.getBBox();
        var x = box.x + box.width / 2;
        shape({ x: x, y: box.y - box.height * 0.1 }, { x: x, y: box.y + box.height * 1.1 });
      } else if (what === "draw" && byKeys) {
        var side = Number(svg.dataset.label) * 3;
        var middle = { x: view.x + view.w / 2, y: view.y + view.h / 2 };
        shape({ x: middle.x - side, y: middle.y - side }, { x: middle.x + side, y: middle.y + side });
      }
      paint();
      if (what === "join") { if (byKeys) { rove(pin); pin.focus({ preventScroll: true }); } }
      else { drawn.setAttribute("tabindex", "0"); drawn.focus({ preventScroll: true }); }
    }
    function leave() {
      mode = null;
      svg.classList.remove("working");
      bar.hidden = true;
      drawn.replaceChildren();
      drawn.removeAttribute("tabindex");
      layer.querySelectorAll(".joined").forEach(function (one) { one.classList.remove("joined"); });
    }
    function say(text) { bar.querySelector("[role=status]").textContent = text; }
    function shape(from, to) {  // a line, or the box between two places
      if (mode.what === "cut") { mode.line = [from, to]; } else { mode.points = [from, to]; mode.box = true; }
      paint();
    }
    function corner(at) {
      if (mode.box) { mode.points = []; mode.box = false; }
      mode.points.push(at);
      paint();
    }
    function toggle(pin) {
      var at = mode.pins.indexOf(pin.dataset.pin);
      if (at < 0) { mode.pins.push(pin.dataset.pin); } else { mode.pins.splice(at, 1); }
      paint();
    }
    function nudge(step, grows) {
      var by = 4 * unit();
      if (mode.what === "draw") {
        if (!mode.box) { return; }
        mode.points.forEach(function (one, at) {
          if (grows && at === 0) { return; }
          one.x += step[0] * by;
          one.y += step[1] * by;
        });
      } else {
        var middle = { x: (mode.line[0].x + mode.line[1].x) / 2, y: (mode.line[0].y + mode.line[1].y) / 2 };
        var turn = grows ? step[0] * Math.PI / 24 : 0;
        mode.line = mode.line.map(function (one) {
          var x = one.x - middle.x;
          var y = one.y - middle.y;
          return {
            x: middle.x + x * Math.cos(turn) - y * Math.sin(turn) + (grows ? 0 : step[0] * by),
            y: middle.y + x * Math.sin(turn) + y * Math.cos(turn) + (grows ? 0 : step[1] * by)
          };
        });
      }
      paint();
    }
    function paint() {
      var places = mode.what === "cut" ? mode.line : mode.points;
      drawn.replaceChildren();
      pins().forEach(function (one) { one.classList.toggle("joined", mode.pins.indexOf(one.dataset.pin) >= 0); });
      if (mode.what === "join") { return; }
      if (mode.box) {
        var corners = [[0, 0], [1, 0], [1, 1], [0, 1]];
        add("polygon", { points: corners.map(function (c) { return places[c[0]].x + "," + places[c[1]].y; }).join(" ") });
      } else if (places.length > 1) {
        var kind = mode.what === "cut" ? "polyline" : "polygon";
        add(kind, { points: places.map(function (one) { return one.x + "," + one.y; }).join(" ") });
      }
      places.forEach(function (one) { add("circle", { cx: one.x, cy: one.y, r: 7 * unit() }); });
    }
    function add(name, values) {
      var one = document.createElementNS(NS, name);
      Object.keys(values).forEach(function (key) { one.setAttribute(key, values[key]); });
      drawn.append(one);
    }
    function flat(places) {
      return places.map(function (one) { return one.x.toFixed(1) + "," + one.y.toFixed(1); }).join(" ");
    }
    bar.addEventListener("submit", function (event) { event.preventDefault(); send(); });
    var back = lot.querySelector("form.undo");
    if (back) {
      back.addEventListener("submit", function (event) { event.preventDefault(); post(back, new FormData(back)); });
    }

    function send() {
      var body = new FormData(bar);
      body.set("what", mode.what === "cut" ? "split" : mode.what);
      body.set("pins", mode.pins.join(","));
      if (mode.parts) { body.set("parts", mode.parts); }
      if (mode.line) { body.set("line", flat(mode.line)); }
      if (mode.points && mode.points.length) { body.set(mode.box ? "box" : "points", flat(mode.points)); }
      post(bar, body);
    }
    function post(form, body) {
      lot.classList.add("busy-now");
      told.className = "told";
      told.textContent = bar.dataset.busy;
      window.znachki.post(form.action, body, { "X-Quiet": "1", Accept: "application/json" })
        .then(function (answer) {
          return answer.json().then(function (found) {
            if (!answer.ok) { throw new Error(found.detail); }
            return fetch(location.pathname + location.search, { headers: { Accept: "text/html" } })
              .then(function (page) { return page.text(); })
              .then(function (text) { renew(text, found); });
          });
        })
        .catch(function (error) {
          lot.classList.remove("busy-now");
          told.className = "told wrong";
          told.textContent = bar.dataset.failed + " " + error.message;
          if (mode && bar.hidden) { mode = null; }
        });
    }
    function renew(text, edited) {  // what the lot is now, looked at as before
      var page = new DOMParser().parseFromString(text, "text/html");
      var now = page.querySelector('section.lot[data-key="' + lot.dataset.key + '"]');
      if (!now) { location.reload(); return; }
      document.querySelector(".lot-head").replaceWith(page.querySelector(".lot-head"));
      lot.replaceWith(now);
      setUp(now, { view: view, pick: edited.made[0] });
    }

    if (before) { look(before.view.x, before.view.y, before.view.w); } else { look(0, 0, size.w); }
    new ResizeObserver(function () { look(view.x, view.y, view.w); }).observe(svg);
    if (before) {
      var made = before.pick ? pinOf(before.pick) : null;
      if (made) { pick(made); show(made); made.focus({ preventScroll: true }); }
      return;
    }
    var asked = /^#pin-\d+-(\d+)$/.exec(location.hash);
    if (asked && document.getElementById(location.hash.slice(1)) && lot.contains(document.getElementById(location.hash.slice(1)))) {
      var pin = pinOf(asked[1]);
      if (pin) { pick(pin); }
    }
  }

  begin();
})();
