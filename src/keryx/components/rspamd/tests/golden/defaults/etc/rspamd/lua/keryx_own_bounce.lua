-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- Bounces and automatic answers of this machine: from loopback, without a login and without a
-- sender. They are told apart for settings.conf, whose "from" cannot match a missing sender.

local lua_selectors = require 'lua_selectors'

local function is_loopback(ip)
  local text = tostring(ip)
  return text == '::1' or text:match('^127%.') ~= nil
end

lua_selectors.register_extractor(rspamd_config, 'keryx_own_bounce', {
  get_value = function(task)
    local ip = task:get_from_ip()
    local from = task:get_from('smtp')
    local has_sender = from and from[1] and from[1].addr and from[1].addr ~= ''
    local is_own = ip and ip:is_valid() and is_loopback(ip)
    if task:get_user() or has_sender or not is_own then
      return nil
    end
    return 'yes', 'string'
  end,
  description = 'Whether the message is a bounce or automatic answer of this machine',
})
