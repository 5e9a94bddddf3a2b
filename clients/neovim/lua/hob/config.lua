-- What a user may configure. Must hold nothing but defaults and what setup() was given.
local M = {}

M.defaults = {
  cmd = { "hob", "lsp" },
  -- What the language server is told; see :help hob-settings.
  settings = {
    enabled = true,
    model = "",
    debounceMs = 150,
    maxTokens = 64,
    multiLine = "auto",
    context = true,
    filetypes = vim.empty_dict(),
  },
  -- False leaves a key alone.
  keys = {
    accept = "<Tab>",
    accept_word = "<M-w>",
    accept_line = "<M-l>",
    next = "<M-n>",
    previous = "<M-p>",
    dismiss = "<C-]>",
    toggle = "<M-t>",
  },
  -- Show hints while typing. False: only when `next` is pressed.
  auto = true,
  highlight = "HobHint",
}

M.current = vim.deepcopy(M.defaults)

function M.set(given)
  M.current = vim.tbl_deep_extend("force", vim.deepcopy(M.defaults), given or {})
end

return M
