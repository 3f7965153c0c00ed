{{/* Routes to the gateway. */}}

{{/* What is routed, as a list of names and hosts: (list $ .Values.web.ingress). A host name and path go to one route only. */}}
{{- define "keryx.routes" -}}
{{- $root := first . }}
{{- $given := index . 1 }}
{{- $host := include "keryx.hostname" $root }}
{{- $domain := $root.Values.settings.domain }}
{{- $hosts := dict
  "webmail" (list (include "keryx.webHost" (list $root "webmail_host")) $host)
  "admin" (list (include "keryx.webHost" (list $root "admin_host")) $host)
  "rspamd" (list (include "keryx.webHost" (list $root "rspamd_host")))
  "autoconfig" (list (printf "autoconfig.%s" $domain) (printf "autodiscover.%s" $domain))
  "mtaSts" (list (printf "mta-sts.%s" $domain)) }}
{{- $taken := dict }}
{{- range list "webmail" "admin" "rspamd" "autoconfig" "mtaSts" }}
{{- $route := get $given . }}
{{- $wanted := or (ne . "webmail") (ne (include "keryx.webmail" $root) "none") }}
{{- if kindIs "bool" $route.enabled }}{{ $wanted = $route.enabled }}{{ end }}
{{- if $wanted }}
{{- $free := list }}
{{- range uniq (default (get $hosts .) $route.hosts) }}
{{- $place := printf "%s %s" . $route.path }}
{{- if not (hasKey $taken $place) }}
{{- $_ := set $taken $place true }}
{{- $free = append $free . }}
{{- end }}
{{- end }}
{{- if $free }}
- name: {{ . }}
  hosts: {{ toJson $free }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
