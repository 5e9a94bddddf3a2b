-- :checkhealth hob. Must only look, and say what mends what is wrong.
local config = require("hob.config")
local server = require("hob.server")

local M = {}

local function look_at_program()
  local cmd = config.current.cmd
  if vim.fn.executable(cmd[1]) == 0 then
    vim.health.error(("There is no program `%s`."):format(cmd[1]), {
      "Install hob: pip install 'hob[daemon,engine,editors]'",
      "Or name it: require('hob').setup({ cmd = { '/path/to/hob', 'lsp' } })",
    })
    return false
  end
  vim.health.ok(("`%s` is %s."):format(cmd[1], vim.fn.exepath(cmd[1])))
  return true
end

local function look_at_daemon()
  local command = vim.list_extend(vim.deepcopy(config.current.cmd), { "--no-start", "--check", "--json" })
  local model = config.current.settings.model
  if model ~= "" then
    vim.list_extend(command, { "--model", model })
  end
  local told = vim.system(command, { text = true, timeout = 20000 }):wait()
  local is_json, record = pcall(vim.json.decode, told.stdout or "")
  if not is_json then
    return vim.health.error("`hob lsp --check` does not work.", vim.trim(told.stderr or ""))
  end
  local name = record.model ~= "" and ("`%s`"):format(record.model) or "the daemon's default"
  if record.state == "ready" then
    vim.health.ok(("The daemon answers. The model to be asked is %s."):format(name))
  elseif record.state == "no_fim" then
    vim.health.warn(("The daemon answers, but %s was not trained to fill gaps."):format(name), record.message)
  elseif record.state == "daemon_down" then
    vim.health.warn(record.message, "It is started with the first file that you open, unless `cmd` has --no-start.")
  else
    vim.health.error(record.message)
  end
end

local function look_at_keys()
  for name, key in pairs(config.current.keys) do
    if key then
      local mapped = vim.fn.maparg(key, "i", false, true)
      if vim.tbl_isempty(mapped) or mapped.desc ~= "hob" then
        vim.health.warn(
          ("`%s` (%s) is not hob's."):format(key, name),
          "Call setup() after what maps it, or choose another key in setup({ keys = … })."
        )
      end
    end
  end
end

function M.check()
  vim.health.start("hob")
  if vim.fn.has("nvim-0.11") == 0 then
    return vim.health.error("Neovim is older than 0.11.", "Install a newer one.")
  end
  vim.health.ok("Neovim is new enough.")
  if look_at_program() then
    look_at_daemon()
  end
  if server.client() then
    vim.health.ok(("The language server runs; it says: %s (%s)."):format(server.status.state, server.status.message))
  else
    vim.health.info("The language server does not run; it starts with the first file that you open.")
  end
  look_at_keys()
end

return M
