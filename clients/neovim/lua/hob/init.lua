-- hob: completion, edits and chat with local models. Must do nothing before setup() is called.
local config = require("hob.config")

local M = {}

local function when_visible(key, keys_if_not, act)
  if key then
    vim.keymap.set("i", key, function()
      return require("hob.ghost").is_visible() and act or keys_if_not
    end, { expr = true, replace_keycodes = true, desc = "hob" })
  end
end

local function call(expression)
  return ("<Cmd>lua require('hob.ghost').%s<CR>"):format(expression)
end

-- What a key did before: another plugin's mapping goes on when there is no hint.
local function fallback(key)
  local before = vim.fn.maparg(key, "i", false, true)
  if vim.tbl_isempty(before) or (before.desc == "hob") then
    return key
  end
  local name = "<Plug>(hob-before-" .. key:gsub("[<>]", "") .. ")"
  before.lhs = name
  before.lhsraw = vim.keycode(name)
  before.lhsrawalt = nil
  vim.fn.mapset("i", false, before)
  return name
end

local function map_keys()
  local keys = config.current.keys
  for name, unit in pairs({ accept = "all", accept_word = "word", accept_line = "line" }) do
    local key = keys[name]
    if key then
      local before = fallback(key)
      vim.keymap.set("i", key, function()
        return require("hob.ghost").is_visible() and call(("accept('%s')"):format(unit)) or before
      end, { expr = true, replace_keycodes = true, remap = before ~= key, desc = "hob" })
    end
  end
  when_visible(keys.dismiss, keys.dismiss or "", call("dismiss()"))
  for name, expression in pairs({ next = "cycle(1)", previous = "cycle(-1)" }) do
    if keys[name] then
      vim.keymap.set("i", keys[name], call(expression), { desc = "hob" })
    end
  end
  if keys.toggle then
    vim.keymap.set({ "i", "n" }, keys.toggle, "<Cmd>HobToggle<CR>", { desc = "hob" })
  end
end

local function watch()
  local group = vim.api.nvim_create_augroup("hob", { clear = true })
  local function on(events, act)
    vim.api.nvim_create_autocmd(events, { group = group, callback = act })
  end
  on({ "BufReadPost", "BufNewFile", "BufFilePost", "FileType" }, function(event)
    require("hob.server").attach(event.buf)
  end)
  on({ "TextChangedI", "CursorMovedI", "InsertEnter", "CompleteDone" }, function()
    require("hob.ghost").update()
  end)
  on({ "InsertLeave", "BufLeave", "CompleteChanged" }, function()
    require("hob.ghost").clear()
  end)
  on("ColorScheme", M.highlight)
end

function M.highlight()
  vim.api.nvim_set_hl(0, "HobHint", { link = "Comment", default = true })
end

function M.setup(given)
  config.set(given)
  M.highlight()
  map_keys()
  watch()
  for _, buffer in ipairs(vim.api.nvim_list_bufs()) do
    if vim.api.nvim_buf_is_loaded(buffer) then
      require("hob.server").attach(buffer)
    end
  end
end

-- How hob stands: { state, model, message, isExcluded }.
function M.status()
  return require("hob.server").status
end

-- A few characters for a statusline.
function M.statusline()
  local status = M.status()
  local words = {
    off = "off",
    connecting = "…",
    loading = "loading",
    ready = "ready",
    no_fim = "no gaps",
    daemon_down = "no daemon",
    failed = "failed",
  }
  if status.isExcluded and status.state ~= "off" then
    return "hob: excluded"
  end
  return "hob: " .. (words[status.state] or status.state)
end

function M.toggle()
  require("hob.ghost").clear()
  require("hob.server").command("hob.toggle")
end

function M.use_model(name)
  config.current.settings.model = name or ""
  require("hob.server").configure()
end

return M
