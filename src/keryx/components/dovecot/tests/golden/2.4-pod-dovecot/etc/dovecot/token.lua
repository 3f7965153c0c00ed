-- Managed by Keryx: change keryx.yaml instead, then run `keryx up`.
-- Who is signed in to Keryx's pages gets into mail without a password: the web process hands the
-- webmails a token to use in its place, good for minutes and for one account (JWT, RFC 7519, signed
-- with ES256, RFC 7518). Here it is verified; the directory then says whether the account may log in.
-- Dovecot's own oauth2 passdb verifies tokens in place of passwords up to 2.3 only; this serves all.
-- Manual: https://doc.dovecot.org/2.4.1/core/config/auth/databases/lua.html

local PUBLIC_KEY = [[
PUBLIC-HALF-webmail-token.crt
]]
-- The only header that is taken, {"alg":"ES256","typ":"JWT"}: what a token says of its own
-- algorithm and key decides nothing here.
local HEADER = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"
-- The claims as the web process writes them; they are looked at after the signature only.
local CLAIMS = '^{"sub":"([^"\\]+)","aud":"keryx%-webmail","iat":(%d+),"exp":(%d+)}$'

local ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local VALUES = {}
for index = 1, #ALPHABET do
  VALUES[ALPHABET:byte(index)] = index - 1
end

-- Without the library no token is taken, and passwords work as ever.
local ready, key, digest = pcall(function()
  return require("openssl.pkey").new(PUBLIC_KEY), require("openssl.digest")
end)

-- base64url without padding (RFC 4648, section 5); nil for other characters.
local function decode(text)
  local bits, held, bytes = 0, 0, {}
  for index = 1, #text do
    local value = VALUES[text:byte(index)]
    if not value then
      return nil
    end
    held, bits = (held << 6 | value) & 0xffff, bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(held >> bits & 0xff)
    end
  end
  return table.concat(bytes)
end

-- A signature is two numbers of 32 bytes (RFC 7518, section 3.4); OpenSSL wants them in DER.
local function number(bytes)
  bytes = bytes:gsub("^\0+", "")
  if bytes == "" or bytes:byte(1) > 127 then
    bytes = "\0" .. bytes
  end
  return "\2" .. string.char(#bytes) .. bytes
end

local function signature(bytes)
  local both = number(bytes:sub(1, 32)) .. number(bytes:sub(33, 64))
  return "\48" .. string.char(#both) .. both
end

local function holds(user, password)
  local signed, payload, mark = password:match("^(" .. HEADER .. "%.([%w_-]+))%.([%w_-]+)$")
  local raw = mark and decode(mark)
  if not raw or #raw ~= 64 then
    return false
  end
  if not key:verify(signature(raw), digest.new("sha256"):update(signed)) then
    return false
  end
  local subject, issued, expires = (decode(payload) or ""):match(CLAIMS)
  local now = os.time()
  return subject == user and tonumber(issued) <= now + 60 and now < tonumber(expires)
end

function auth_password_verify(request, password)
  if not ready or password:sub(1, #HEADER + 1) ~= HEADER .. "." then
    -- An ordinary password: the directory's matter.
    return dovecot.auth.PASSDB_RESULT_NEXT, ""
  end
  local fine, verified = pcall(holds, request.user, password)
  if fine and verified then
    return dovecot.auth.PASSDB_RESULT_OK, {}
  end
  return dovecot.auth.PASSDB_RESULT_PASSWORD_MISMATCH, ""
end

function script_init()
  return 0
end

function script_deinit()
end
