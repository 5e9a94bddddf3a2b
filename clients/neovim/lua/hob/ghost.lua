-- Hints at the cursor: asks for them, shows them with extmarks, puts them into the text.
-- Must never block typing, nor ask again for what is shown and being typed.
local config = require("hob.config")
local parts = require("hob.parts")
local server = require("hob.server")

local M = {}
local space = vim.api.nvim_create_namespace("hob")

-- What is shown: { buffer, row, column (bytes), hints = { { text, num_replaced } }, number }
local shown = nil
-- The request under way: { client, id }
local asked = nil
-- The buffer and its state in which no hint is wanted.
local dismissed = nil
-- Where hints were asked for last, as one text: events come in pairs.
local asked_at = nil

local function cursor()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  return row - 1, column
end

function M.is_visible()
  return shown ~= nil
end

function M.text()
  return shown and shown.hints[shown.number].text or nil
end

local function erase()
  if shown and vim.api.nvim_buf_is_valid(shown.buffer) then
    vim.api.nvim_buf_clear_namespace(shown.buffer, space, 0, -1)
  end
  shown = nil
end

local function cancel()
  if asked then
    asked.client:cancel_request(asked.id)
    asked = nil
  end
end

function M.clear()
  cancel()
  erase()
  asked_at = nil
end

local function draw()
  vim.api.nvim_buf_clear_namespace(shown.buffer, space, 0, -1)
  local lines = vim.split(shown.hints[shown.number].text, "\n", { plain = true })
  local group = config.current.highlight
  local rest = {}
  for number = 2, #lines do
    rest[#rest + 1] = { { lines[number] == "" and " " or lines[number], group } }
  end
  vim.api.nvim_buf_set_extmark(shown.buffer, space, shown.row, shown.column, {
    virt_text = { { lines[1], group } },
    virt_text_pos = "inline",
    virt_lines = #rest > 0 and rest or nil,
    right_gravity = false,
    hl_mode = "combine",
    undo_restore = false,
  })
end

local function show(buffer, row, column, hints, number)
  if #hints == 0 then
    return erase()
  end
  shown = { buffer = buffer, row = row, column = column, hints = hints, number = number or 1 }
  draw()
end

local function read(items, encoding, line)
  local hints = {}
  for _, item in ipairs(items) do
    local replaced = 0
    if item.range then
      local from = vim.str_byteindex(line, encoding, item.range.start.character, false)
      replaced = vim.str_byteindex(line, encoding, item.range["end"].character, false) - from
    end
    local text = type(item.insertText) == "table" and item.insertText.value or item.insertText
    hints[#hints + 1] = { text = text, num_replaced = replaced }
  end
  return hints
end

-- trigger: 1 when the user wished for hints, 2 while typing.
local function ask(trigger, done)
  cancel()
  local buffer = vim.api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ name = "hob", bufnr = buffer })[1]
  if not client or not client.initialized then
    return
  end
  local row, column = cursor()
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = trigger }
  local mine = { client = client }
  asked = mine
  local sent, id = client:request("textDocument/inlineCompletion", params, function(err, result)
    if asked ~= mine then
      return
    end
    asked = nil
    local now_row, now_column = cursor()
    local is_same = vim.api.nvim_get_current_buf() == buffer and now_row == row and now_column == column
    local is_inserting = vim.api.nvim_get_mode().mode:sub(1, 1) == "i"
    if err or not result or not is_same or not is_inserting then
      return
    end
    if tick == vim.api.nvim_buf_get_changedtick(buffer) then
      local line = vim.api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ""
      done(buffer, row, column, read(result.items or result, client.offset_encoding, line))
    end
  end, buffer)
  if sent then
    mine.id = id
  else
    asked = nil
  end
end

-- Keeps what is shown if exactly its beginning was typed.
local function follow()
  local row, column = cursor()
  if not shown or shown.buffer ~= vim.api.nvim_get_current_buf() or shown.row ~= row then
    return false
  end
  if column == shown.column then
    return shown.tick == vim.api.nvim_buf_get_changedtick(shown.buffer)
  end
  if column < shown.column then
    return false
  end
  local typed = vim.api.nvim_buf_get_text(0, row, shown.column, row, column, {})[1]
  local left = {}
  for _, hint in ipairs(shown.hints) do
    local text = parts.after_typing(hint.text, typed)
    if text and text ~= "" then
      left[#left + 1] = { text = text, num_replaced = hint.num_replaced }
    end
  end
  local current = parts.after_typing(M.text(), typed)
  if not current or current == "" then
    return false
  end
  local number = 1
  for place, hint in ipairs(left) do
    if hint.text == current then
      number = place
    end
  end
  show(shown.buffer, row, column, left, number)
  shown.tick = vim.api.nvim_buf_get_changedtick(shown.buffer)
  return true
end

-- After every keystroke.
function M.update()
  local buffer = vim.api.nvim_get_current_buf()
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  if vim.fn.pumvisible() == 1 or server.status.state == "off" then
    return M.clear()
  end
  if follow() then
    return
  end
  local row, column = cursor()
  local here = ("%d %d %d %d"):format(buffer, tick, row, column)
  if here == asked_at and (asked or server.status.state ~= "connecting") then
    return
  end
  erase()
  if dismissed == ("%d %d"):format(buffer, tick) or not config.current.auto then
    return cancel()
  end
  asked_at = here
  ask(2, function(...)
    show(...)
    if shown then
      shown.tick = tick
    end
  end)
end

-- The server or its daemon is there now: what was asked before may have been asked in vain.
function M.retry()
  if not shown and not asked and vim.api.nvim_get_mode().mode:sub(1, 1) == "i" then
    asked_at = nil
    M.update()
  end
end

function M.dismiss()
  local buffer = vim.api.nvim_get_current_buf()
  dismissed = ("%d %d"):format(buffer, vim.api.nvim_buf_get_changedtick(buffer))
  M.clear()
end

-- Shows the next (1) or previous (-1) hint; asks for more when there is but one.
function M.cycle(step)
  if shown and #shown.hints > 1 then
    shown.number = (shown.number - 1 + step) % #shown.hints + 1
    return draw()
  end
  local known = M.text()
  ask(1, function(buffer, row, column, hints)
    local number = 1
    for place, hint in ipairs(hints) do
      if known and hint.text ~= known then
        number = place
        break
      end
    end
    show(buffer, row, column, hints, number)
    if shown then
      shown.tick = vim.api.nvim_buf_get_changedtick(buffer)
    end
  end)
end

-- Puts "all", a "word" or a "line" of the hint into the text. What is left stays shown; nobody is asked.
function M.accept(unit)
  if not shown then
    return false
  end
  local hint = shown.hints[shown.number]
  local part = hint.text
  if unit == "word" then
    part = parts.first_word(hint.text)
  elseif unit == "line" then
    part = parts.first_line(hint.text)
  end
  local buffer, row, column = shown.buffer, shown.row, shown.column
  local left = hint.text:sub(#part + 1)
  erase()
  cancel()
  vim.cmd("let &g:undolevels = &g:undolevels") -- what is accepted is undone by itself
  local lines = vim.split(part, "\n", { plain = true })
  local until_column = column + (left == "" and hint.num_replaced or 0)
  vim.api.nvim_buf_set_text(buffer, row, column, row, until_column, lines)
  local last_row = row + #lines - 1
  local last_column = #lines == 1 and column + #part or #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { last_row + 1, last_column })
  if left ~= "" then
    show(buffer, last_row, last_column, { { text = left, num_replaced = hint.num_replaced } })
    shown.tick = vim.api.nvim_buf_get_changedtick(buffer)
  end
  return true
end

return M
