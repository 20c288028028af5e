// What Streamlit leaves out: the page's language, its own labels in that language, answers announced
// to screen readers, the newest question brought into view, and a field to edit given the focus.
// It writes text only, never markup.
if (!window.hdsBot) {
  window.hdsBot = { announced: null };

  const region = document.createElement("div");
  region.className = "hds-out";
  region.id = "hds-live";
  region.setAttribute("role", "status");
  region.setAttribute("aria-live", "polite");
  document.body.append(region);

  const speak = (page) => {
    if (document.documentElement.lang !== page.dataset.language) {
      document.documentElement.lang = page.dataset.language;
    }
    const words = JSON.parse(page.dataset.words);
    for (const element of document.querySelectorAll("[aria-label]")) {
      const word = words[element.getAttribute("aria-label")];
      if (word) element.setAttribute("aria-label", word);
    }
    const told = document.querySelectorAll(
      "a[href='#stMain'], [data-testid='stFileUploaderDropzone'] :is(p, span), [data-testid='InputInstructions'] *",
    );
    for (const element of told) {
      const word = words[element.textContent];
      if (!word || word === element.textContent || element.childElementCount) continue;
      // React owns the text nodes: their text may change, they may not.
      element.childNodes.forEach((node, n) => (node.data = n ? "" : word));
    }
  };

  // Streamlit follows a chat to its end: until a second after the page is made it is brought back to where
  // the answer begins, unless the reader moves.
  let moved = false;
  for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
    document.addEventListener(kind, () => (moved = true), { passive: true, capture: true });
  }
  const show = (target) => {
    moved = false;
    let end = performance.now() + 1000;
    const bring = () => {
      if (document.querySelector("[data-test-script-state='running']")) end = performance.now() + 1000;
      if (!target || moved || performance.now() > end) return;
      target.scrollIntoView({ block: "start" });
      setTimeout(bring, 100);
    };
    bring();
  };

  const announce = () => {
    const answer = [...document.querySelectorAll(".hds-answer, .hds-refused")].pop();
    const said = answer ? answer.innerText : "";
    if (said === window.hdsBot.announced || document.getElementById("hds-here")) return;
    window.hdsBot.announced = said;
    region.textContent = said;
    const turns = document.querySelectorAll(".hds-turn");
    const newest = document.querySelector(".st-key-private") ?? turns[turns.length - 1];
    show(turns.length > 1 ? newest : document.querySelector("h1"));
  };

  const goThere = () => {
    const here = document.getElementById("hds-here");
    if (here && window.hdsBot.here !== location.search) here.scrollIntoView({ block: "center" });
    window.hdsBot.here = here && location.search;
  };

  const follow = () => {
    const field = document.querySelector("[class*='st-key-edited-'] textarea");
    if (field && field !== window.hdsBot.edited) field.focus();
    window.hdsBot.edited = field;
  };

  let waiting;
  const look = () => {
    const page = document.getElementById("hds-page");
    if (!page) return;
    speak(page);
    announce();
    follow();
    goThere();
  };
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, 150);
  };
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, characterData: true });
  soon();
}
