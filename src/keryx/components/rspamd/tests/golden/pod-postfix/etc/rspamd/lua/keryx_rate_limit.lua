-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- The key of an account's rate limit: the login's name, with the bucket's name before it, since
-- equal keys would share one bucket. A login that is exempt has no key, hence no limit.

local lua_selectors = require 'lua_selectors'

local exempt = { }
for _, login in ipairs(rspamd_config:get_all_opt('keryx').exempt or { }) do
  exempt[login:lower()] = true
end

lua_selectors.register_extractor(rspamd_config, 'keryx_account', {
  get_value = function(task, arguments)
    local login = task:get_user()
    if not login or exempt[login:lower()] then
      return nil
    end
    return 'keryx:' .. arguments[1] .. ':' .. login:lower(), 'string'
  end,
  description = 'The login, for its rate limit',
})
