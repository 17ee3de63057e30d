"""How Sphinx builds the documentation. Warnings are errors: see `make docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent / "src")]

from recurra.version import VERSION  # noqa: E402

project = "Recurra"
author = "the Recurra authors"
copyright = "the Recurra authors, Apache-2.0"
release = version = VERSION

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "recurra_reference",
]

source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext"]
nitpicky = False
# Short names in signatures ("bytes", "Model") that two classes have: either link would do.
suppress_warnings = ["ref.python"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_type_aliases = {
    name: name for name in ("Array", "Params", "State", "DTypeLike", "NDArray", "Input", "Head")
}
python_use_unqualified_type_names = True

copybutton_prompt_text = "$ "

html_theme = "furo"
html_title = f"Recurra {VERSION}"
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
