-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- Loads our own rules; Rspamd reads this file after its own rules and before its modules.

rspamd_plugins.keryx = { }
for _, rule in ipairs({ 'keryx_headers', 'keryx_signing', 'keryx_rate_limit', 'keryx_header_from' }) do
  dofile(rspamd_paths['LOCAL_CONFDIR'] .. '/lua/' .. rule .. '.lua')
end
