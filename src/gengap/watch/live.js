// Keeps the page up to date. LIVE holds what the server said when it made the page, and the words for when it is away.
{
  const EVERY = 1000, LONGEST = 15000; // milliseconds from one question to the next, and once the server is away
  const CALM = 3000; // since the reader last touched the page: nothing vanishes under a hand
  let { version, state } = LIVE, pause = EVERY, touched = -CALM;

  const bar = document.body.appendChild(document.createElement("p"));
  bar.id = "live";
  bar.setAttribute("role", "status");
  document.head.appendChild(document.createElement("style")).textContent = `
    #live { position: fixed; inset: auto auto 12px 12px; margin: 0; padding: 4px 12px; border-radius: 999px;
      font-size: 0.85rem; background: var(--raised); border: 1px solid var(--rule); color: var(--muted); }
    #live[data-state="away"] { color: var(--ink); border-color: var(--ink); }
    body { padding-bottom: 64px; }
    @media print { #live { display: none; } }`;
  const tell = (text, kind) => {
    if (bar.textContent !== text) bar.textContent = text; // a screen reader says it once
    bar.dataset.state = kind;
  };

  for (const kind of ["pointerdown", "pointermove", "keydown", "input"]) {
    addEventListener(kind, ({ target, buttons }) => {
      if (kind === "pointermove" && !buttons) return;
      if (target instanceof Element && target.closest("#report")) touched = performance.now();
    });
  }

  async function ask(route) {
    const answer = await fetch(route, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${route}: ${answer.status}`);
    return answer.text();
  }

  // What is open stays open, and the page stays where it was scrolled to.
  async function renew() {
    const fresh = new DOMParser().parseFromString(await ask("/main"), "text/html").getElementById("report");
    const old = document.getElementById("report"), place = [scrollX, scrollY];
    const key = (each) => `${each.closest("section")?.id} ${each.querySelector("summary")?.textContent}`;
    const open = new Set([...old.querySelectorAll("details[open]")].map(key));
    for (const each of fresh.querySelectorAll("details")) if (open.has(key(each))) each.open = true;
    const focused = old.contains(document.activeElement) ? document.activeElement.dataset.switch : undefined;
    old.replaceWith(fresh);
    gengapDraw();
    if (focused) fresh.querySelector(`[data-switch="${focused}"]`)?.focus({ preventScroll: true });
    scrollTo({ left: place[0], top: place[1], behavior: "instant" });
  }

  async function poll() {
    try {
      const news = JSON.parse(await ask("/version"));
      if (news.version !== version && performance.now() - touched > CALM) {
        await renew();
        version = news.version;
      }
      if (news.version === version) state = news.state; // of what the page shows, not of what it has not got yet
      tell(news.text, news.state);
      pause = EVERY;
    } catch (fault) {
      console.info(fault);
      tell(state === "finished" ? LIVE.ended : LIVE.away, "away");
      pause = Math.min(2 * pause, LONGEST);
    }
    setTimeout(poll, pause);
  }

  tell(LIVE.text, state);
  setTimeout(poll, EVERY);
}
