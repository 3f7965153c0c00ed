{{/* What the chart reads from the settings: few things, all about which objects there are. */}}

{{/* Whether something of the settings is on: (list $ "directory" "embedded" true). Prints "true" or nothing. */}}
{{- define "keryx.setting" -}}
{{- $section := default (dict) (get (first .).Values.settings (index . 1)) }}
{{- $value := index . 3 }}
{{- if hasKey $section (index . 2) }}{{ $value = get $section (index . 2) }}{{ end }}
{{- if $value }}{{ $value }}{{ end }}
{{- end }}

{{- define "keryx.webmail" -}}
{{- default "both" .Values.settings.webmail }}
{{- end }}

{{- define "keryx.hasSogo" -}}
{{- if has (include "keryx.webmail" .) (list "sogo" "both") }}true{{ end }}
{{- end }}

{{- define "keryx.hasRoundcube" -}}
{{- if has (include "keryx.webmail" .) (list "roundcube" "both") }}true{{ end }}
{{- end }}

{{/* Whether mail is kept; without mailboxes the release is a relay, and Dovecot only answers logins beside Postfix. */}}
{{- define "keryx.hasMailboxes" -}}
{{- if ternary .Values.settings.mailboxes true (hasKey .Values.settings "mailboxes") }}true{{ end }}
{{- end }}

{{/* The pods of this release, as a list. */}}
{{- define "keryx.pods" -}}
{{- $root := . }}
{{- $there := dict
  "openldap" (include "keryx.setting" (list . "directory" "embedded" true))
  "postgresql" (include "keryx.setting" (list . "database" "embedded" true))
  "redis" "true"
  "memcached" (include "keryx.hasSogo" .)
  "clamav" (include "keryx.setting" (list . "clamav" "enabled" false))
  "rspamd" "true"
  "dovecot" (include "keryx.hasMailboxes" .)
  "postfix" "true"
  "sogo" (include "keryx.hasSogo" .)
  "roundcube" (include "keryx.hasRoundcube" .)
  "admin" "true"
  "nginx" "true"
  "operator" (ternary "true" "" .Values.operator.enabled) }}
{{- range include "keryx.order" . | fromYamlArray }}
{{- if get $there . }}
- {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* The containers of a pod under these settings, as a list: (list $ "sogo"). */}}
{{- define "keryx.containers" -}}
{{- $root := first . }}
{{- range (get (include "keryx.table" $root | fromYaml) (index . 1)).containers }}
{{- if or (ne . "activesync") (include "keryx.setting" (list $root "activesync" "enabled" true)) }}
- {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* A public port: number, enabled, proxy_protocol: (list $ "smtp"). In the settings a number moves it, false switches it off. */}}
{{- define "keryx.port" -}}
{{- $root := first . }}
{{- $given := dig "ports" (index . 1) dict $root.Values.settings }}
{{- $port := dict "enabled" true "proxy_protocol" false }}
{{- if kindIs "map" $given }}
{{- $port = mergeOverwrite $port (deepCopy $given) }}
{{- else if kindIs "bool" $given }}
{{- $_ := set $port "enabled" $given }}
{{- else }}
{{- $_ := set $port "number" (int $given) }}
{{- end }}
{{- $standard := get (include "keryx.standard" $root | fromYaml) (index . 1) }}
{{- $_ := set $port "number" (int (default $standard $port.number)) }}
{{- toYaml $port }}
{{- end }}

{{/* The public ports of a pod that are on, as a list of names: (list $ "postfix"). */}}
{{- define "keryx.publicPorts" -}}
{{- $root := first . }}
{{- $there := has (index . 1) (include "keryx.pods" $root | fromYamlArray) }}
{{- range default (list) (get (default (dict) (get (include "keryx.table" $root | fromYaml) (index . 1))) "public") }}
{{- if and $there (include "keryx.port" (list $root .) | fromYaml).enabled }}
- {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/* Host names, given or derived, as the settings model derives them. */}}
{{- define "keryx.hostname" -}}
{{- default (printf "mail.%s" .Values.settings.domain) .Values.settings.hostname }}
{{- end }}

{{/* A host name of the section web of the settings: (list $ "webmail_host"). */}}
{{- define "keryx.webHost" -}}
{{- $root := first . }}
{{- default (include "keryx.hostname" $root) (dig "web" (index . 1) "" $root.Values.settings) }}
{{- end }}

{{/* Every host name that clients use, as a list without doubles. */}}
{{- define "keryx.hosts" -}}
{{- $root := . }}
{{- $hosts := list (include "keryx.hostname" .) }}
{{- range list "webmail_host" "admin_host" "rspamd_host" "smtp_host" "imap_host" }}
{{- $hosts = append $hosts (include "keryx.webHost" (list $root .)) }}
{{- end }}
{{- toYaml (uniq $hosts) }}
{{- end }}

{{/* Names below the mail domain under which programs find their set-up and servers the policy, as a list. */}}
{{- define "keryx.domainHosts" -}}
- {{ printf "autoconfig.%s" .Values.settings.domain }}
- {{ printf "autodiscover.%s" .Values.settings.domain }}
- {{ printf "mta-sts.%s" .Values.settings.domain }}
{{- end }}

{{- define "keryx.placement" -}}
cluster_domain: {{ .Values.clusterDomain }}
pods:
  {{- $root := . }}
  {{- range include "keryx.pods" . | fromYamlArray }}
  {{ . }}:
    host: {{ include "keryx.host" (list $root .) }}
    components: [{{ include "keryx.containers" (list $root .) | fromYamlArray | join ", " }}]
  {{- end }}
  {{- if not (include "keryx.hasMailboxes" .) }}
  # Nowhere are mailboxes: the Dovecots of other pods only help.
  dovecot: {host: "", components: []}
  {{- end }}
{{- end }}
