"""The author's folder: settings file, issues, theme, images, lists, git, ledger."""
