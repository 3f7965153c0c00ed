-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- Loads our own rules; Rspamd reads this file after its own rules and before its modules.

rspamd_plugins.keryx = { }
-- Whether another pod handed the message in: Postfix names the door by which it came.
rspamd_plugins.keryx.is_from_pod = function(task)
  return tostring(task:get_request_header('MTA-Name') or '') == 'PODS'
end
local rules = {
  'keryx_headers', 'keryx_signing', 'keryx_rate_limit', 'keryx_header_from', 'keryx_own_bounce',
  'keryx_users',
}
for _, rule in ipairs(rules) do
  dofile(rspamd_paths['LOCAL_CONFDIR'] .. '/lua/' .. rule .. '.lua')
end
