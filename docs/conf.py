"""How the documents become a site that needs no network: ``make site-docs``."""

import posixpath
import re

project = "考核 Kaohe"
language = "zh_CN"
extensions = ["myst_parser"]
root_doc = "docs/index"
# Links between the documents are those of the files, so the whole project is the source.
include_patterns = ["*.md", "docs/**.md", "rubric/*.md", "benchmarks/*.md"]
exclude_patterns = [".*", "build", "data", "notebooks", "pipelines", "templates", "tests"]
myst_heading_anchors = 3

html_theme = "alabaster"
html_title = project
html_theme_options = {
    "description": "从报送数据到经得起复核的等次",
    "font_family": "'Noto Sans CJK SC','Microsoft YaHei','PingFang SC','WenQuanYi Micro Hei',sans-serif",
    "head_font_family": "inherit",
    "page_width": "1280px",
    "sidebar_width": "260px",
    "body_max_width": "none",
}
html_show_sourcelink = False
html_copy_source = False
# The Chinese index needs a dictionary of words; this one finds any three characters in a row.
html_search_language = "en"


def _with_contents(_app, name, source):
    """Make the links of the page of contents, under their headings, the tree of the site."""
    if name == root_doc:
        trees = []
        for section in source[0].split("\n## ")[1:]:
            heading = section.partition("\n")[0]
            links = re.findall(r"\[([^]]+)\]\(([^)#]+)\.md\)", section)
            entries = [f"{title} </{posixpath.normpath('docs/' + page)}>" for title, page in links]
            trees.append("\n".join(["", "```{toctree}", ":hidden:", f":caption: {heading}", "", *entries, "```"]))
        source[0] += "\n".join([*trees, ""])


def setup(app):
    """Sphinx calls this."""
    app.connect("source-read", _with_contents)
