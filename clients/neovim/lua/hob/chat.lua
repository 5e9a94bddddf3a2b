-- A conversation in a buffer: what it holds is what the model is sent. Must keep nothing anywhere else.
local server = require("hob.server")

local M = {}
local YOU, MODEL = "## You", "## Model"

-- { client, id, buffer, token } of the answer that is being written
local running = nil
local next_token = 0
-- Files that lines were taken from, by buffer: the server refuses those that are excluded.
local sources = {}

local function append(buffer, text)
  local last = vim.api.nvim_buf_line_count(buffer) - 1
  local line = vim.api.nvim_buf_get_lines(buffer, last, last + 1, false)[1] or ""
  vim.api.nvim_buf_set_text(buffer, last, #line, last, #line, vim.split(text, "\n", { plain = true }))
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    vim.api.nvim_win_set_cursor(window, { vim.api.nvim_buf_line_count(buffer), 0 })
  end
end

-- The turns that the buffer holds.
function M.messages(buffer)
  local messages, turn = {}, nil
  for _, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    if line == YOU or line == MODEL then
      turn = { role = line == YOU and "user" or "assistant", lines = {} }
      messages[#messages + 1] = turn
    elseif turn then
      turn.lines[#turn.lines + 1] = line
    end
  end
  local said = {}
  for _, message in ipairs(messages) do
    local content = vim.trim(table.concat(message.lines, "\n"))
    if content ~= "" then
      said[#said + 1] = { role = message.role, content = content }
    end
  end
  return said
end

function M.stop()
  if running and running.id then
    running.client:cancel_request(running.id)
  end
end

local function finish(answer, err)
  server.on_delta[answer.token] = nil
  if running == answer then
    running = nil
  end
  if not vim.api.nvim_buf_is_valid(answer.buffer) then
    return
  end
  if err and err.code ~= -32800 then -- not one that we cancelled
    append(answer.buffer, ("\n(hob: %s)"):format(err.message))
  end
  append(answer.buffer, ("\n\n%s\n\n"):format(YOU))
end

function M.send(buffer)
  local messages = M.messages(buffer)
  if running or #messages == 0 or messages[#messages].role ~= "user" then
    return
  end
  local client = server.ensure()
  if not client then
    return vim.notify("hob: `hob lsp` does not start; see :checkhealth hob", vim.log.levels.WARN)
  end
  next_token = next_token + 1
  local answer = { client = client, buffer = buffer, token = next_token }
  append(buffer, ("\n\n%s\n\n"):format(MODEL))
  server.on_delta[answer.token] = function(text)
    if vim.api.nvim_buf_is_valid(buffer) then
      append(buffer, text)
    end
  end
  local params = { messages = messages, token = answer.token, uris = sources[buffer] or {} }
  running = answer
  -- A client that was started just now keeps it until it is ready.
  local function send()
    local _, id = client:request("hob/chat", params, function(err)
      finish(answer, err)
    end)
    answer.id = id
  end
  if client.initialized then
    send()
  else
    vim.api.nvim_create_autocmd("User", { pattern = "HobStatus", once = true, callback = vim.schedule_wrap(send) })
  end
end

-- command: of :HobChat; its range goes along, its words are sent.
function M.open(command)
  local lines = { YOU, "" }
  local source = command.range > 0 and vim.uri_from_bufnr(0) or nil
  if command.range > 0 then
    local picked = vim.api.nvim_buf_get_lines(0, command.line1 - 1, command.line2, false)
    vim.list_extend(lines, { "```" .. vim.bo.filetype })
    vim.list_extend(lines, picked)
    vim.list_extend(lines, { "```", "" })
  end
  lines[#lines + 1] = command.args
  vim.cmd("botright vsplit")
  local buffer = vim.api.nvim_create_buf(false, true)
  vim.api.nvim_win_set_buf(0, buffer)
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].swapfile = false
  vim.bo[buffer].undofile = false
  vim.bo[buffer].filetype = "markdown"
  vim.wo.wrap, vim.wo.linebreak = true, true
  sources[buffer] = source and { source } or {}
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  vim.api.nvim_win_set_cursor(0, { #lines, #lines[#lines] })
  vim.keymap.set("n", "<CR>", function()
    M.send(buffer)
  end, { buffer = buffer, desc = "hob: send" })
  vim.keymap.set("i", "<C-s>", function()
    M.send(buffer)
  end, { buffer = buffer, desc = "hob: send" })
  vim.keymap.set("n", "<C-c>", M.stop, { buffer = buffer, desc = "hob: stop the answer" })
  vim.api.nvim_create_autocmd("BufWipeout", {
    buffer = buffer,
    callback = function()
      sources[buffer] = nil
      if running and running.buffer == buffer then
        M.stop()
      end
    end,
  })
  if command.args ~= "" then
    M.send(buffer)
  end
end

return M
