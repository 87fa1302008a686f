"use strict";
// Photos as the server takes them.  The original is evidence and stays what it is wherever it can.
(function () {
  const xuncha = (window.xuncha = window.xuncha || {});
  const BEGINNINGS = [[0xff, 0xd8, 0xff], [0x89, 0x50, 0x4e, 0x47], [0x52, 0x49, 0x46, 0x46]]; // JPEG, PNG, WebP
  // The longest side of what is drawn anew: a canvas of an iPhone holds no more than 4096 × 4096
  const SIDES_PX = [4096, 2048, 1024];
  const QUALITY = 0.9;

  // The photo to keep, made a JPEG within `most` {bytes, pixels} if it has to be; null if it cannot be drawn
  xuncha.shot = async function (file, most) {
    const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
    const isPhoto = BEGINNINGS.some((own) => own.every((byte, i) => head[i] === byte));
    const picture = await opened(file);
    const n = picture ? picture.naturalWidth * picture.naturalHeight : 0;
    if (isPhoto && file.size <= most.bytes && n <= most.pixels) return kept(file, file.type, file.name);
    for (const side of n ? SIDES_PX : []) {
      const made = await drawn(picture, Math.min(1, side / Math.max(picture.naturalWidth, picture.naturalHeight), Math.sqrt(most.pixels / n)));
      if (made && made.size <= most.bytes) return { ...(await kept(made, made.type, file.name)), remade: true };
    }
    return null;
  };

  async function kept(blob, type, name) {
    return { type, name, data: await blob.arrayBuffer() };
  }

  // An image tells its size before it is decoded, so that 200 megapixels cost nothing but what is drawn of them
  async function opened(file) {
    const picture = new Image();
    const address = URL.createObjectURL(file);
    try {
      await new Promise((resolve, reject) => Object.assign(picture, { onload: resolve, onerror: reject, src: address }));
      return picture;
    } catch {
      return null;
    } finally {
      window.setTimeout(() => URL.revokeObjectURL(address), 60000);
    }
  }

  function drawn(picture, scale) {
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.floor(picture.naturalWidth * scale));
    canvas.height = Math.max(1, Math.floor(picture.naturalHeight * scale));
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  }
})();
