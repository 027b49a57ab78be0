// Search by photo on a catalogue's own site; see "API" on the service's page for the form that it belongs to.
// Each pin has a line of its verdict (class "match", "family", "new_variant", "unknown" or "not_a_pin"), then a line an entry.
(function () {
  "use strict";
  var RUSSIAN = {
    "No pin was found on this photo.": "На этом фото значков не найдено.",
    "This is the pin:": "Это он:",
    "The drawing is right; check the variant:": "Рисунок тот; проверьте вариант:",
    "Not in the catalogue; the nearest:": "Такого в каталоге нет; ближайшие:",
    "This is no pin; the nearest:": "Это не значок; ближайшие:"
  };
  var VERDICTS = {
    match: "This is the pin:",
    family: "The drawing is right; check the variant:",
    new_variant: "The drawing is right; the catalogue lacks this variant. The nearest:",
    unknown: "Not in the catalogue; the nearest:",
    not_a_pin: "This is no pin; the nearest:"
  };
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

  function say(text, verdict) {
    var line = document.createElement("li");
    line.className = verdict;
    line.textContent = /^ru\b/.test(document.documentElement.lang) ? RUSSIAN[text] : text;
    found.append(line);
  }

  function show(good, body) {
    found.textContent = good ? "" : body.detail;
    if (!good) { return; }
    body.photos.forEach(function (photo) {
      if (!photo.recognitions.length) { say("No pin was found on this photo.", "not_a_pin"); }
      photo.recognitions.forEach(function (pin) {
        say(VERDICTS[pin.verdict], pin.verdict);
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
          var percent = Math.round(match.probability * 100);
          line.append(link, " " + (percent ? percent + "%" : "<1%"));
          found.append(line);
        });
      });
    });
  }
})();
