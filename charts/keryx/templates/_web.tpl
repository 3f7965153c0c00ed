{{/* Routes from the outside. */}}

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

{{/*
The mail ports that Gateways lead here, by name: the route's kind, its section of the values, its pod, names and Gateways.
TLSRoutes take the ports that speak TLS from the first byte, TCPRoutes all that are left.
*/}}
{{- define "keryx.mailRoutes" -}}
{{- $root := . }}
{{- $client := dict "postfix" "smtp_host" "dovecot" "imap_host" }}
{{- $found := dict }}
{{- range $pod := list "postfix" "dovecot" }}
{{- range $port := include "keryx.publicPorts" (list $root $pod) | fromYamlArray }}
{{- $tls := and $root.Values.tlsRoute.enabled (has $port (include "keryx.tlsPorts" $root | fromYamlArray)) }}
{{- if or $tls $root.Values.tcpRoute.enabled }}
{{- $section := ternary "tlsRoute" "tcpRoute" $tls }}
{{- $given := get $root.Values $section }}
{{- $parents := list }}
{{- range default $given.parentRefs (get $given.ports $port) }}
{{- $parents = append $parents (merge (dict) . (dict "sectionName" $port)) }}
{{- end }}
{{- $route := dict "kind" (ternary "TLSRoute" "TCPRoute" $tls) "section" $section "pod" $pod "parentRefs" $parents }}
{{- if $tls }}
{{- $names := list (include "keryx.hostname" $root) (include "keryx.webHost" (list $root (get $client $pod))) }}
{{- $_ := set $route "hostnames" (default (uniq $names) $given.hosts) }}
{{- end }}
{{- $_ := set $found $port $route }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $found }}
{{- end }}
