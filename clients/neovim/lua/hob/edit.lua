-- Lets a model work on lines, through the language server's code actions. Must change nothing without it.
local server = require("hob.server")

local M = {}

-- command: of :HobEdit, with a range and the wish.
function M.run(command)
  local buffer = vim.api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ name = "hob", bufnr = buffer })[1]
  if not client then
    return vim.notify("hob: this buffer is not one of hob's; see :checkhealth hob", vim.log.levels.WARN)
  end
  local first, last = command.line1 - 1, command.line2 - 1
  local line = vim.api.nvim_buf_get_lines(buffer, last, last + 1, false)[1] or ""
  local width = vim.str_utfindex(line, client.offset_encoding)
  vim.notify("hob: " .. command.args .. " …")
  server.command("hob.edit", {
    wish = command.args,
    uri = vim.uri_from_bufnr(buffer),
    range = { first, 0, last, width },
  }, function(applied)
    vim.notify(applied and "hob: done; u takes it back" or "hob: the edit was not applied")
  end)
end

return M
