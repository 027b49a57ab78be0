// What the page does beyond plain forms: a preview at once, drop and paste, answers without a new page, live progress.
(function () {
  "use strict";
  document.documentElement.classList.add("scripted");

  function begin() {
    var form = document.getElementById("upload");
    if (form && document.getElementById("photo")) { setUpUpload(form); }
    document.querySelectorAll("form[data-quiet]").forEach(setUpQuiet);
    document.querySelectorAll("a[data-share]").forEach(setUpShare);
    var job = document.getElementById("job");
    if (job) { follow(job); }
    var here = document.querySelector("header nav a[aria-current]");
    if (here) { here.parentNode.scrollLeft = here.offsetLeft - here.parentNode.offsetLeft - 60; }
  }

  function setUpUpload(form) {
    var input = document.getElementById("photo");
    var camera = document.getElementById("camera");
    input.addEventListener("change", function () { send(form, input.files); });
    camera.addEventListener("change", function () { send(form, camera.files); });
    if (window.matchMedia("(pointer: coarse)").matches) {
      form.querySelector(".camera").hidden = false;
      camera.removeAttribute("tabindex");
    }
    form.addEventListener("dragover", function (event) { event.preventDefault(); form.classList.add("over"); });
    form.addEventListener("dragleave", function () { form.classList.remove("over"); });
    form.addEventListener("drop", function (event) {
      event.preventDefault();
      form.classList.remove("over");
      send(form, event.dataTransfer.files);
    });
  }

  document.addEventListener("paste", function (event) {
    var form = document.getElementById("upload");
    var files = event.clipboardData ? event.clipboardData.files : [];
    if (form && files.length) { event.preventDefault(); send(form, files); }
  });

  // Sends a form, and sends it again where the line breaks; under one name, so that it is done a single time.
  function post(address, body, headers, waiting) {
    var tries = 0;
    var bytes = crypto.getRandomValues(new Uint8Array(16));
    headers["X-Once"] = Array.prototype.map.call(bytes, function (byte) { return (byte + 256).toString(16).slice(1); }).join("");

    function again(error) {
      tries += 1;
      if (tries > 6) { throw error; }
      if (waiting) { waiting(); }
      return new Promise(function (go) {
        window.setTimeout(go, 500 * Math.pow(2, tries));
        if (!navigator.onLine) { window.addEventListener("online", go, { once: true }); }
      }).then(go);
    }

    function go() {
      return fetch(address, { method: "POST", body: body, headers: headers }).then(function (answer) {
        return answer.status === 502 || answer.status === 504 ? again(new Error(String(answer.status))) : answer;
      }, again);
    }

    return go();
  }

  window.znachki = { post: post, quiet: setUpQuiet };  // for the scripts of single pages

  function send(form, files) {
    if (!files.length) { return; }
    var body = new FormData(form);
    body.delete("photo");
    Array.prototype.forEach.call(files, function (file) { body.append("photo", file, file.name || "photo"); });
    var busy = document.getElementById("busy");
    var said = document.getElementById("said");
    var preview = document.getElementById("preview");
    var shown = URL.createObjectURL(files[0]);
    preview.src = shown;
    preview.onerror = function () { preview.hidden = true; };
    said.textContent = "";
    form.hidden = true;
    busy.hidden = false;
    post(form.action, body, { Accept: "text/html" }, function () { said.textContent = said.dataset.again; })
      .then(function (answer) {
        if (answer.redirected) { location.assign(answer.url); return null; }
        return answer.text().then(function (text) { show(text, answer.ok); });
      })
      .catch(function (error) { failed(said.dataset.failed + " " + error.message); })
      .finally(function () { URL.revokeObjectURL(shown); });

    function failed(text) {
      busy.hidden = true;
      form.hidden = false;
      form.reset();
      said.textContent = text;
    }

    function show(text, good) {
      said.textContent = "";
      var page = new DOMParser().parseFromString(text, "text/html");
      var main = page.querySelector("main");
      if (!good || !main) {
        var told = page.querySelector("main [role=alert]");
        failed(said.dataset.failed + " " + (told ? told.textContent : ""));
        return;
      }
      document.querySelector("main").replaceWith(main);
      document.title = page.title;
      begin();
      var heading = main.querySelector("h1");
      heading.setAttribute("tabindex", "-1");
      heading.focus();
      window.scrollTo(0, 0);
    }
  }

  function setUpQuiet(form) {
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      var button = event.submitter || form.querySelector("button");
      var values = new FormData(form);
      if (button.name) { values.append(button.name, button.value); }
      button.disabled = true;
      post(form.action, values, { "X-Quiet": "1", Accept: "text/plain" })
        .then(function (answer) {
          var owned = answer.headers.get("X-Owned");
          return answer.text().then(function (text) {
            if (answer.ok && form.dataset.tells && owned !== null) { tell(text, owned); } else { done(answer.ok, text); }
          });
        })
        .catch(function (error) { done(false, error.message); });

      // What is held is told where it stands already, and a pin that is there once may be there again.
      function tell(text, owned) {
        var line = document.getElementById(form.dataset.tells);
        line.textContent = text;
        line.className = owned === "0" ? "lack" : "have";
        document.querySelectorAll("form[data-tells=" + form.dataset.tells + "]").forEach(function (other) {
          if (owned !== "0" && other.elements["do"] && other.elements["do"].value === "wish") { other.hidden = true; }  // nobody wishes for what he has
        });
        if (button.dataset.again) { button.textContent = button.dataset.again; button.disabled = false; }
      }

      function done(good, text) {
        var line = form.querySelector("[role=status]") || document.createElement("span");
        line.setAttribute("role", "status");
        line.className = good ? "done" : "";
        if (!good) {
          try { text = JSON.parse(text).detail; } catch (error) { /* it is plain already */ }
          button.disabled = false;
        }
        form.append(" ", line);
        line.textContent = (good ? "✓ " : "") + text;
        if (good) { form.dispatchEvent(new CustomEvent("settled", { bubbles: true })); }
      }
    });
  }

  // A list goes to a program of the device, where the browser can hand files over; elsewhere the link downloads it.
  function setUpShare(link) {
    if (!navigator.canShare || !navigator.canShare({ files: [new File([""], "a.html", { type: "text/html" })] })) { return; }
    link.addEventListener("click", function (event) {
      event.preventDefault();
      fetch(link.href)
        .then(function (answer) { if (!answer.ok) { throw new Error(String(answer.status)); } return answer.blob(); })
        .then(function (sheet) { return navigator.share({ files: [new File([sheet], link.download, { type: "text/html" })], title: link.download }); })
        .catch(function (error) { if (error.name !== "AbortError") { location.assign(link.href); } });  // nobody to give it to
    });
  }

  function follow(job) {
    window.setTimeout(function () {
      fetch(job.dataset.state, { headers: { Accept: "application/json" } })
        .then(function (answer) { if (!answer.ok) { throw new Error(String(answer.status)); } return answer.json(); })
        .then(function (state) {
          // A picture more, or the end: the page has more to show.
          var more = state.state === "done" || String(state.answered) !== job.dataset.answered;
          if (more && !document.querySelector(".by-hand:not([hidden]), .busy-now")) { location.reload(); return; }
          document.getElementById("answered").textContent = state.answered;
          document.getElementById("pins").textContent = state.pins_answered;
          document.getElementById("of").textContent = state.pins;
          document.getElementById("bar").value = state.answered + (state.pins ? state.pins_answered / state.pins : 0);
          follow(job);
        })
        .catch(function () { follow(job); });  // the service may be starting again
    }, 1000);
  }

  begin();
})();
