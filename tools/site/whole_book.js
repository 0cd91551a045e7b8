// Put the whole book into this page: called in the browser with the names of its documents and
// the lines of its title page, before it is printed.
async ({ documents, lines }) => {
  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const address = (name) => new URL(`/${name}.html`, location);
  const place = new Map(documents.map((name) => [address(name).pathname, name.split("/").pop()]));
  const styles = [];
  // The documents whose links have the number of a page.
  const NUMBERED = { "book/lists": "npg-listed", "book/equations": "npg-listed", genindex: "npg-indexed" };

  // Ids are unique on a page; in the book each stands behind its page's name. Drawings and sliders
  // have the name in theirs already.
  const read = async (name) => {
    const page = new DOMParser().parseFromString(await (await fetch(address(name))).text(), "text/html");
    const article = page.querySelector("article.bd-article");
    article.id = place.get(address(name).pathname);
    article.style.page = `page-${article.id}`;
    for (const element of article.querySelectorAll("[id]")) {
      if (!element.closest("svg, .npg-explore")) element.id = `${article.id}--${element.id}`;
    }
    // A heading may move to the next page and leave behind where its section began.
    for (const heading of article.querySelectorAll("section[id] > :is(h2, h3, h4)")) {
      heading.id = heading.parentElement.id;
      heading.parentElement.removeAttribute("id");
    }
    for (const picture of article.querySelectorAll("img")) {
      picture.src = new URL(picture.getAttribute("src"), address(name));
    }
    for (const link of article.querySelectorAll("a[href]")) {
      const target = new URL(link.getAttribute("href"), address(name));
      const there = place.get(target.pathname);
      if (there && NUMBERED[name]) link.classList.add(NUMBERED[name]);
      if (there) link.href = `#${there}${target.hash.length > 1 ? `--${target.hash.slice(1)}` : ""}`;
      else if (target.origin === location.origin) link.removeAttribute("href");
    }
    return article;
  };
  const words = (heading) => heading.textContent.replace(/#$/, "").trim();
  const entry = (id, text, part) =>
    make("a", { href: `#${id}`, className: part ? "npg-part" : "" }, make("span", {}, text));
  const header = (id, text) => styles.push(
    `@page page-${id} { @top-left { content: ${JSON.stringify(lines[0])} }
                        @top-right { content: ${JSON.stringify(text)} } }`);

  const articles = await Promise.all(documents.map(read));
  articles[0].querySelector("h1").firstChild.data = "Preface";
  const contents = make("nav", { className: "npg-contents", id: "contents" },
    make("h1", {}, "Contents"));
  const solutions = make("article", { id: "all-solutions", className: "bd-article" },
    make("h1", {}, "Solutions"));
  solutions.style.page = "page-all-solutions";
  contents.style.page = "page-contents";
  const answers = [entry("all-solutions", "Solutions", true)];
  for (const article of articles) {
    const title = words(article.querySelector("h1"));
    header(article.id, title);
    contents.append(entry(article.id, title, true));
    for (const heading of article.querySelectorAll("section > h2[id]")) {
      contents.append(entry(heading.id, words(heading), false));
    }
    if (article.querySelector("details.npg-solution")) {
      answers.push(entry(`${article.id}-solutions`, title, false));
    }
  }
  contents.append(...answers);
  header("all-solutions", "Solutions");
  header("contents", "Contents");
  const cover = make("section", { className: "npg-title" },
    ...lines.map((line) => make("p", {}, line)));
  const style = make("style", { id: "page-numbers" });
  document.title = lines[0];
  document.body.className = "npg-book";
  document.body.replaceChildren(cover, contents, ...articles, solutions);
  styles.push(`@page :first { @bottom-center { content: none }
                              @top-left { content: none !important } }`);
  document.head.append(make("style", {}, styles.join("\n")), style);
}
