// Follows a work that goes on in the background: how far it is, and the page anew once it has ended.
(function () {
  "use strict";
  var work = document.getElementById("work");
  if (!work) { return; }
  function ask() {
    fetch(work.dataset.state, { headers: { Accept: "application/json" } })
      .then(function (answer) { if (!answer.ok) { throw new Error(String(answer.status)); } return answer.json(); })
      .then(function (state) {
        if (state.ended || state.stage !== work.dataset.stage) { location.reload(); return; }
        var bar = document.getElementById("bar");
        if (state.total) {
          bar.max = state.total;
          bar.value = state.done;
          document.getElementById("count").textContent = state.done + " / " + state.total;
        }
        document.getElementById("left").textContent = state.left;
        document.getElementById("left-line").hidden = !state.left;
        window.setTimeout(ask, 1000);
      })
      .catch(function () { window.setTimeout(ask, 2000); });  // the service may be starting again
  }
  window.setTimeout(ask, 700);
})();
