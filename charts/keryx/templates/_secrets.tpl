{{/* Secrets that the chart makes once and finds again at every upgrade. */}}

{{/* The data of a Secret of this release that is in the cluster already: (list $ "mail-keryx-secrets"). */}}
{{- define "keryx.found" -}}
{{- $there := lookup "v1" "Secret" (first .).Release.Namespace (index . 1) }}
{{- toYaml (default (dict) (default (dict) $there).data) }}
{{- end }}

{{/* 24 letters and digits: as long as Roundcube's key must be, and safe in every syntax. */}}
{{- define "keryx.newSecret" -}}
{{- if eq . "webmail-token.key" }}{{ genPrivateKey "ecdsa" }}{{ else }}{{ randAlphaNum 24 }}{{ end }}
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

{{/* Every secret that this release needs, as a list. */}}
{{- define "keryx.needed" -}}
{{- $root := . }}
{{- range $name, $_ := include "keryx.secretNames" . | fromYaml }}
{{- $place := include "keryx.secretPlace" (list $root $name) | fromYaml }}
{{- if or $place.given (has $name (include "keryx.made" $root | fromYamlArray)) }}
- {{ $name }}
{{- end }}
{{- end }}
{{- end }}
