// A page whose file is still being read looks again as a whole: the map and the form come with the answer
"use strict";
setTimeout(() => window.location.reload(), 1500);
