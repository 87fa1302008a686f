// A file of its own: the page's policy allows no inline script.
"use strict";

const holder = document.getElementById("document");

window.ui = SwaggerUIBundle({
  url: holder.dataset.url,
  domNode: holder,
  deepLinking: true,
  // The default validator is a foreign host
  validatorUrl: null,
});
