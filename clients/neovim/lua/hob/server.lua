-- The language server: starts one for all buffers, and knows what it told last. Must never block the editor.
local config = require("hob.config")

local M = {
  status = { state = "off", model = "", message = "no buffer of hob's was opened yet", isExcluded = false },
  on_delta = {}, -- by the token of a chat
}

local function capabilities()
  local can = vim.lsp.protocol.make_client_capabilities()
  -- 0.11 can, with our renderer, and does not say so.
  can.textDocument.inlineCompletion = can.textDocument.inlineCompletion or { dynamicRegistration = false }
  return can
end

local function on_status(_, status)
  local before = M.status.state
  M.status = status
  if status.state == "ready" and before ~= "ready" and before ~= "loading" then
    vim.schedule(require("hob.ghost").retry)
  end
  vim.api.nvim_exec_autocmds("User", { pattern = "HobStatus", modeline = false, data = status })
  vim.cmd.redrawstatus({ bang = true })
end

local function start(buffer, root)
  return vim.lsp.start({
    name = "hob",
    cmd = config.current.cmd,
    root_dir = root,
    capabilities = capabilities(),
    init_options = config.current.settings,
    settings = { hob = config.current.settings },
    handlers = {
      ["hob/status"] = on_status,
      ["hob/chat/delta"] = function(_, delta)
        local listen = M.on_delta[delta.token]
        if listen then
          listen(delta.text)
        end
      end,
    },
    on_exit = function(code)
      M.status = { state = "off", model = "", message = ("`hob lsp` ended with %d"):format(code), isExcluded = false }
    end,
  }, {
    bufnr = buffer,
    attach = buffer ~= nil,
    silent = true,
    reuse_client = function(client)
      return client.name == "hob" and not client:is_stopped()
    end,
  })
end

-- The client that runs, or nil.
function M.client()
  return vim.lsp.get_clients({ name = "hob" })[1]
end

function M.attach(buffer)
  if vim.bo[buffer].buftype ~= "" or vim.api.nvim_buf_get_name(buffer) == "" then
    return
  end
  if vim.fn.executable(config.current.cmd[1]) == 0 then
    M.status.message = ("there is no program %s; see :checkhealth hob"):format(config.current.cmd[1])
    return
  end
  start(buffer, vim.fs.root(buffer, { ".git", ".hg" }) or vim.fn.getcwd())
end

-- A client even where no buffer has one yet, for a chat.
function M.ensure()
  return M.client() or vim.lsp.get_client_by_id(start(nil, vim.fn.getcwd()) or -1)
end

-- Tells the server that settings are others now.
function M.configure()
  local client = M.client()
  if client then
    client.settings = { hob = config.current.settings }
    client:notify("workspace/didChangeConfiguration", { settings = client.settings })
  end
end

function M.command(name, argument, done)
  local client = M.ensure()
  if client then
    local arguments = argument and { argument } or nil
    client:request("workspace/executeCommand", { command = name, arguments = arguments }, function(err, result)
      if err then
        vim.notify("hob: " .. err.message, vim.log.levels.WARN)
      elseif done then
        done(result)
      end
    end)
  end
end

return M
