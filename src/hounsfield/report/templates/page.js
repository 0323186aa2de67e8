"use strict";
(function () {
  var root = document.documentElement;
  root.classList.add("script");
  document.querySelectorAll("input.switch").forEach(function (input) {
    input.addEventListener("change", function () {
      if (input.checked) { root.lang = input.value; }
    });
    if (input.checked) { root.lang = input.value; }
  });
  document.querySelectorAll(".viewer").forEach(function (viewer) {
    var heat = viewer.querySelector("image.heat");
    var range = viewer.querySelector("input.opacity");
    var toggle = viewer.querySelector("input.with-heat");
    if (heat && range) {
      range.addEventListener("input", function () {
        heat.setAttribute("opacity", String(range.value / 100));
        toggle.checked = true;
      });
    }
    var button = viewer.querySelector("button.hide");
    function hide(yes) { viewer.classList.toggle("bare", yes); }
    if (button) {
      ["pointerdown"].forEach(function (name) { button.addEventListener(name, function () { hide(true); }); });
      ["pointerup", "pointerleave", "pointercancel", "blur"].forEach(function (name) {
        button.addEventListener(name, function () { hide(false); });
      });
      button.addEventListener("keydown", function (event) { if (event.key === " " || event.key === "Enter") { hide(true); } });
      button.addEventListener("keyup", function () { hide(false); });
    }
    document.addEventListener("keydown", function (event) {
      if (event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (event.key === "q") { hide(true); }
      if (range && (event.key === ";" || event.key === "'")) {
        range.value = String(Number(range.value) + (event.key === ";" ? -10 : 10));
        range.dispatchEvent(new Event("input"));
      }
    });
    document.addEventListener("keyup", function (event) { if (event.key === "q") { hide(false); } });
    window.addEventListener("blur", function () { hide(false); });
  });
})();
