"""The documentation site: `make docs` builds it into docs/_build."""

import ce_nas

project = "CE-NAS"
author = "the CE-NAS developers"
copyright = "the CE-NAS developers, Apache License 2.0"  # noqa: A001 - Sphinx's name
release = version = ce_nas.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpick_ignore_regex = [("py:.*", r".*")]

myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 3
smartquotes_action = "qe"  # two hyphens begin an option: they are no dash

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
python_use_unqualified_type_names = True


html_theme = "furo"
html_title = f"CE-NAS {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1b6e4b", "color-brand-content": "#1b6e4b"},
    "dark_css_variables": {"color-brand-primary": "#6cc79b", "color-brand-content": "#6cc79b"},
}
