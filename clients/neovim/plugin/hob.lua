-- What there is before anybody calls setup(): commands. Must load nothing else, so that starting stays quick.
if vim.g.loaded_hob then
  return
end
vim.g.loaded_hob = true

local function hob()
  return require("hob")
end

vim.api.nvim_create_user_command("HobChat", function(command)
  require("hob.chat").open(command)
end, { range = true, nargs = "*", desc = "Talk with a local model; a range goes along" })

vim.api.nvim_create_user_command("HobStop", function()
  require("hob.chat").stop()
end, { desc = "End the answer that is being written" })

vim.api.nvim_create_user_command("HobToggle", function()
  hob().toggle()
end, { desc = "Turn hob off or on" })

vim.api.nvim_create_user_command("HobStatus", function()
  local status = hob().status()
  vim.notify(("hob: %s%s: %s"):format(status.state, status.model ~= "" and " (" .. status.model .. ")" or "", status.message))
end, { desc = "Say how hob stands" })

vim.api.nvim_create_user_command("HobModel", function(command)
  hob().use_model(command.args)
end, { nargs = "?", desc = "Ask this model; without a name, the one that hob chooses" })

vim.api.nvim_create_user_command("HobEdit", function(command)
  require("hob.edit").run(command)
end, {
  range = true,
  nargs = 1,
  complete = function()
    return { "explain", "fix", "document", "tests", "rename" }
  end,
  desc = "Let a model work on the lines",
})
