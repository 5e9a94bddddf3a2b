"""`hob lsp`: a language server that completes and edits with a local model, over one door of the daemon."""
