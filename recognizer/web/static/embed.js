// Search by photo on a catalogue's own site; see "API" on the service's page for the form that it belongs to.
(function () {
  "use strict";
  var script = document.currentScript;
  var service = script.dataset.service;
  var form = document.getElementById("pin-search");
  var found = document.getElementById("pin-found");
  form.addEventListener("submit", function (event) {
    event.preventDefault();
    found.textContent = "…";
    fetch(service + "/api/v1/identify", { method: "POST", body: new FormData(form) })
      .then(function (answer) { return answer.json().then(function (body) { return show(answer.ok, body); }); })
      .catch(function (error) { found.textContent = error.message; });
  });

  function show(good, body) {
    found.textContent = good ? "" : body.detail;
    if (!good) { return; }
    body.photos.forEach(function (photo) {
      photo.recognitions.forEach(function (pin) {
        pin.matches.forEach(function (match) {
          var line = document.createElement("li");
          var link = document.createElement("a");
          var picture = document.createElement("img");
          link.href = (script.dataset.entry || service + "/entries/{number}")
            .replace("{number}", encodeURIComponent(match.number))
            .replace("{entry_id}", encodeURIComponent(match.entry_id));
          picture.src = service + match.picture + "?side=96";
          picture.alt = "";
          link.append(picture, " № " + match.number + " " + (match.title || match.title_en));
          line.append(link, " " + Math.round(match.probability * 100) + "%");
          found.append(line);
        });
      });
    });
  }
})();
