// Language, sorting, search. The pages are whole without it.
"use strict";

(function () {
  const root = document.documentElement;

  // Language: the address decides, then what was chosen before; a page from disk may be refused its storage.
  let remembers = true;

  function remembered() {
    try {
      return localStorage.getItem("kaohe-language");
    } catch {
      remembers = false;
      return null;
    }
  }

  function show(language) {
    root.dataset.language = language;
    root.lang = language === "en" ? "en" : "zh-CN";
    for (const element of document.querySelectorAll("[data-zh][data-en]")) {
      element.textContent = element.dataset[language];
    }
    for (const button of document.querySelectorAll("button[data-language]")) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
  }

  function choose(language) {
    try {
      localStorage.setItem("kaohe-language", language);
    } catch {
      remembers = false;
    }
    show(language);
  }

  const asked = new URLSearchParams(location.search).get("lang");
  const before = remembered();
  const language = [asked, before].find((each) => each === "en" || each === "zh") || "zh";
  choose(language);

  // Where nothing can be remembered, links carry the language on.
  function carry(event) {
    const link = event.target.closest("a[href]");
    const to = link && link.getAttribute("href");
    if (remembers || !to || to.startsWith("#") || root.dataset.language === "zh") return;
    const address = new URL(link.href);
    address.searchParams.set("lang", root.dataset.language);
    link.href = address.href;
  }

  // Sorting: a click on a heading, again for the other way round; what has no value stays last.
  function sort(table, column, kind, isDown) {
    const body = table.tBodies[0];
    const collator = new Intl.Collator("zh-CN", { numeric: true });
    const keyed = Array.from(body.rows, (row) => {
      const cell = row.cells[column];
      const shown = cell.querySelector(":scope > .zh, :scope > a") || cell;
      const told = "value" in cell.dataset ? cell.dataset.value : shown.textContent.trim();
      const number = told === "" || told === "—" ? NaN : Number(told.replace(/[,%]/g, ""));
      return { row, told, number };
    });
    const sign = isDown ? -1 : 1;
    keyed.sort((a, b) => {
      if (kind !== "number") return sign * collator.compare(a.told, b.told);
      if (Number.isNaN(a.number) || Number.isNaN(b.number)) return Number.isNaN(a.number) - Number.isNaN(b.number);
      return sign * (a.number - b.number);
    });
    body.append(...keyed.map((each) => each.row));
  }

  function makeSortable(table) {
    for (const heading of table.tHead.rows[0].cells) {
      if (!heading.dataset.sort) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const isDown = heading.getAttribute("aria-sort") === "ascending";
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        sort(table, heading.cellIndex, heading.dataset.sort, isDown);
      });
    }
  }

  // Search: the data lies in script files that are loaded when somebody begins to search.
  const SHOWN = 50;

  function plain(text) {
    return text.normalize("NFKC").toLowerCase();
  }

  function makeSearch(section) {
    const field = section.querySelector("input");
    const list = section.querySelector(".results");
    const told = Object.fromEntries(
      ["found", "loading", "failed", "more"].map((name) => [name, section.querySelector("." + name)])
    );
    const files = Number(field.dataset.files);
    const towns = [];
    let loaded = 0;
    let hasBegun = false;

    window.kaoheTowns = function (number, text) {
      let district = "";
      const found = [];
      for (const line of text.split("\n")) {
        const [page, name, others, code, where, grade, total] = line.split("\t");
        district = where || district;
        found.push({ page, name, others, code, district, grade, total,
          text: plain([page, name, others, code, district].join(" ")) });
      }
      towns[number - 1] = found;
    };

    function load() {
      if (hasBegun) return;
      hasBegun = true;
      for (let number = 1; number <= files; number += 1) {
        const script = document.createElement("script");
        script.src = "data/towns-" + number + ".js";
        script.onload = function () {
          loaded += 1;
          listFound();
        };
        script.onerror = function () {
          told.failed.hidden = false;
          script.onload();
        };
        document.head.append(script);
      }
    }

    function entry(town) {
      const item = document.createElement("li");
      const link = document.createElement("a");
      link.href = "town/" + encodeURIComponent(town.page) + ".html";
      link.lang = "zh-CN";
      link.textContent = town.name;
      item.append(link);
      function add(name, ...content) {
        const piece = document.createElement("span");
        piece.className = name;
        piece.append(...content);
        item.append(" ", piece);
      }
      if (town.others) add("note", section.querySelector("[data-former]").content.cloneNode(true), town.others);
      add("note", [town.district, town.code].filter(Boolean).join(" · "));
      if (town.total) add("total", town.total);
      item.append(" ", section.querySelector('[data-grade="' + town.grade + '"]').content.cloneNode(true));
      return item;
    }

    function listFound() {
      const words = plain(field.value).split(/\s+/).filter(Boolean);
      const isLoading = words.length > 0 && loaded < files;
      const found = words.length
        ? towns.flat().filter((town) => words.every((word) => town.text.includes(word)))
        : [];
      // A name that begins with what was typed comes first.
      const begins = (town) => plain(town.name).startsWith(words[0]);
      found.sort((a, b) => begins(b) - begins(a));
      list.replaceChildren(...found.slice(0, SHOWN).map(entry));
      told.loading.hidden = !isLoading;
      told.found.hidden = words.length === 0 || isLoading;
      for (const count of told.found.querySelectorAll(".count")) count.textContent = String(found.length);
      told.more.hidden = found.length <= SHOWN;
    }

    field.addEventListener("focus", load);
    field.addEventListener("input", () => {
      load();
      listFound();
    });
    field.addEventListener("keydown", (event) => {
      const first = list.querySelector("a");
      if (event.key === "Enter" && first) first.click();
    });
  }

  function openTarget() {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const card = target && target.closest("details");
    if (card) {
      card.open = true;
      target.scrollIntoView();
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const chooser = document.querySelector(".languages");
    chooser.hidden = false;
    for (const button of chooser.querySelectorAll("button")) {
      button.addEventListener("click", () => choose(button.dataset.language));
    }
    show(root.dataset.language);
    document.addEventListener("click", carry);
    document.querySelectorAll("table.sortable").forEach(makeSortable);
    const section = document.querySelector(".search");
    if (section) makeSearch(section);
    openTarget();
    window.addEventListener("hashchange", openTarget);
  });
})();
