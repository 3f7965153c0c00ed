{{/* Secrets that the chart makes once and finds again at every upgrade. */}}

{{/* The data of a Secret of this release that is in the cluster already: (list $ "mail-keryx-secrets"). */}}
{{- define "keryx.found" -}}
{{- $there := lookup "v1" "Secret" (first .).Release.Namespace (index . 1) }}
{{- toYaml (default (dict) (default (dict) $there).data) }}
{{- end }}

{{/* The secrets of (list $ "ldap-reader" ...) as data of a Secret: those that are there already stay. Words are 24 letters
     and digits: as long as Roundcube's key must be, and safe in every syntax. The key that signs people in comes
     with a certificate, so that who verifies has no need of the key. */}}
{{- define "keryx.secretData" -}}
{{- $found := first . }}
{{- $key := get $found "webmail-token.key" }}
{{- $certificate := get $found "webmail-token.crt" }}
{{- if not (and $key $certificate) }}
{{- $new := genSelfSignedCertWithKey "webmail-token" (list) (list) 7300 (default (genPrivateKey "ecdsa") ($key | b64dec)) }}
{{- $key = $new.Key | b64enc }}
{{- $certificate = $new.Cert | b64enc }}
{{- end }}
{{- range index . 1 }}
{{- if eq . "webmail-token.key" }}
{{ . }}: {{ $key }}
{{- else if eq . "webmail-token.crt" }}
{{ . }}: {{ $certificate }}
{{- else }}
{{ . }}: {{ default (randAlphaNum 24 | b64enc) (get $found .) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The secrets that are made here, as a list: those that no other Secret gives. */}}
{{- define "keryx.made" -}}
{{- $root := . }}
{{- range $name, $_ := include "keryx.secretNames" . | fromYaml }}
{{- $wanted := true }}
{{- if has $name (list "ldap-reader" "ldap-admin") }}
{{- $wanted = include "keryx.setting" (list $root "directory" "embedded" true) }}
{{- else if eq $name "postgresql-admin" }}
{{- $wanted = include "keryx.setting" (list $root "database" "embedded" true) }}
{{- end }}
{{- if and $wanted (not (include "keryx.secretPlace" (list $root $name) | fromYaml).given) }}
- {{ $name }}
{{- end }}
{{- end }}
{{- end }}

{{/* Every secret that this release needs, as a list: not an administrator's at a server where Keryx is none. */}}
{{- define "keryx.needed" -}}
{{- $root := . }}
{{- $made := include "keryx.made" . | fromYamlArray }}
{{- $foreign := list }}
{{- if not (or (include "keryx.setting" (list . "directory" "embedded" true)) (dig "directory" "admin_password_file" "" .Values.settings)) }}
{{- $foreign = append $foreign "ldap-admin" }}
{{- end }}
{{- if not (or (include "keryx.setting" (list . "database" "embedded" true)) (dig "database" "admin_user" "" .Values.settings)) }}
{{- $foreign = append $foreign "postgresql-admin" }}
{{- end }}
{{- range $name, $_ := include "keryx.secretNames" . | fromYaml }}
{{- if has $name $made }}
- {{ $name }}
{{- else if and (not (has $name $foreign)) (include "keryx.secretPlace" (list $root $name) | fromYaml).given }}
- {{ $name }}
{{- end }}
{{- end }}
{{- end }}
