{{/* What cannot work together ends the installation with one sentence: the key, what is wrong with it, the remedy. */}}

{{- define "keryx.checks" -}}
{{- include "keryx.checkSettings" . }}
{{- include "keryx.checkVolumes" . }}
{{- include "keryx.checkServices" . }}
{{- include "keryx.checkSecrets" . }}
{{- include "keryx.checkCertificates" . }}
{{- include "keryx.checkRoutes" . }}
{{- end }}

{{- define "keryx.checkSettings" -}}
{{- $root := . }}
{{- $settings := .Values.settings }}
{{- if $settings.port_offset }}{{ fail "settings.port_offset is for several suites on one machine; pods share no ports: leave it out." }}{{ end }}
{{- if $settings.bind }}{{ fail "settings.bind is for the addresses of one machine; pods listen at all of theirs: leave it out." }}{{ end }}
{{- if $settings.tls }}{{ fail "settings.tls names files of one machine; pods have theirs from Secrets: leave it out and set certificate." }}{{ end }}
{{- $smtp := include "keryx.port" (list . "smtp") | fromYaml }}
{{- $service := (include "keryx.values" (list . "postfix") | fromYaml).service }}
{{- if and $settings.relay_networks $smtp.enabled (not $smtp.proxy_protocol) }}
{{- if and (ne $service.type "ClusterIP") (ne $service.externalTrafficPolicy "Local") }}{{ fail (printf "settings.relay_networks with postfix.service.type %s would let strangers relay, who can come with a node's address: set postfix.service.externalTrafficPolicy to Local, or leave relay_networks out and give programs a login by applications." $service.type) }}{{ end }}
{{- if hasKey (include "keryx.mailRoutes" . | fromYaml) "smtp" }}{{ fail "settings.relay_networks with tcpRoute would let strangers relay, who come with the Gateway's address: leave relay_networks out and give programs a login by applications." }}{{ end }}
{{- end }}
{{- if and (not (include "keryx.hasMailboxes" .)) (ne (include "keryx.webmail" .) "none") }}{{ fail (printf "settings.webmail is %s, but settings.mailboxes: false keeps no mail to show; set settings.webmail to none." (include "keryx.webmail" .)) }}{{ end }}
{{- if and (not (include "keryx.hasMailboxes" .)) (not $settings.postmaster) }}{{ fail "settings.postmaster is missing: with settings.mailboxes: false it has to be an address elsewhere." }}{{ end }}
{{- if ne (int .Values.dovecot.stores) 1 }}{{ fail (printf "dovecot.stores is %d; more or fewer than 1 need the proxy tier, which comes with a later release." (int .Values.dovecot.stores)) }}{{ end }}
{{- range $name, $_ := include "keryx.standard" . | fromYaml }}
{{- $port := include "keryx.port" (list $root $name) | fromYaml }}
{{- if and $port.enabled $port.proxy_protocol (not $settings.trusted_proxies) }}{{ fail (printf "settings.ports.%s.proxy_protocol needs settings.trusted_proxies, the networks of the load balancer." $name) }}{{ end }}
{{- end }}
{{- if not (include "keryx.publicPorts" (list . "nginx") | fromYamlArray) }}{{ fail "settings.ports.http and settings.ports.https are both off; the gateway needs one of them." }}{{ end }}
{{- if and (not (include "keryx.setting" (list . "directory" "embedded" true))) (not (dig "directory" "uri" "" $settings)) }}{{ fail "settings.directory.embedded is false; set settings.directory.uri to the directory that is used instead." }}{{ end }}
{{- if and (not (include "keryx.setting" (list . "database" "embedded" true))) (not (dig "database" "host" "" $settings)) }}{{ fail "settings.database.embedded is false; set settings.database.host to the server that is used instead." }}{{ end }}
{{- end }}

{{- define "keryx.checkVolumes" -}}
{{- $root := . }}
{{- if and .Values.backup.velero.schedule.enabled (not .Values.backup.velero.enabled) }}{{ fail "backup.velero.schedule.enabled is true and backup.velero.enabled is false: its backups would hold no data; set both to true." }}{{ end }}
{{- if and .Values.defaults.serviceAccount.name .Values.defaults.serviceAccount.create }}{{ fail "defaults.serviceAccount.name is one account, which every pod would make: set defaults.serviceAccount.create to false and make it yourself, or name the accounts in the sections of their pods." }}{{ end }}
{{- if .Values.defaults.persistence.existingClaim }}{{ fail "defaults.persistence.existingClaim is one volume for all pods; two must never write it: name it in the section of its pod." }}{{ end }}
{{- range $section := prepend (include "keryx.pods" . | fromYamlArray) "defaults" }}
{{- $given := default (dict) (get $root.Values $section).persistence }}
{{- if (include "keryx.values" (list $root $section) | fromYaml).persistence.hostPath }}
{{- range list "existingClaim" "storageClass" "size" "annotations" }}
{{- if get $given . }}{{ fail (printf "%s.persistence.%s is for claims, and %s.persistence.hostPath is set: leave one out (an empty hostPath undoes that of defaults)." $section . $section) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- range include "keryx.pods" . | fromYamlArray }}
{{- $spec := get (include "keryx.table" $root | fromYaml) . }}
{{- $values := include "keryx.values" (list $root .) | fromYaml }}
{{- $many := or (gt (int $values.replicas) 1) (dig "autoscaling" "enabled" false $values) }}
{{- if and $many (not $spec.replicated) }}
{{- if $spec.volume }}{{ fail (printf "%s.replicas is %d; two must never write the same data: leave it at 1." . (int $values.replicas)) }}{{ end }}
{{- fail (printf "%s.replicas is %d; there can be one only: leave it at 1." . (int $values.replicas)) }}
{{- end }}
{{- $data := include "keryx.data" (list $root .) | fromYaml }}
{{- if and $many $data.persistentVolumeClaim }}{{ fail (printf "%s.persistence.existingClaim is one volume for several pods; two must never write it: leave %s.replicas at 1, or the claim out." . .) }}{{ end }}
{{- if and $many $data.hostPath }}{{ fail (printf "%s.persistence.hostPath is one folder for several pods; two must never write it: leave %s.replicas at 1, or the folder out." . .) }}{{ end }}
{{- if and $data.hostPath $root.Values.backup.velero.enabled (not (include "keryx.dumped" (dict "root" $root "pod" .))) }}{{ fail (printf "%s.persistence.hostPath is a folder of the node, which Velero does not copy: use a claim, or save the folder yourself and set backup.velero.enabled to false." .) }}{{ end }}
{{- if and (dig "autoscaling" "enabled" false $values) (gt (int $values.autoscaling.minReplicas) (int $values.autoscaling.maxReplicas)) }}{{ fail (printf "%s.autoscaling.minReplicas is more than maxReplicas: exchange them." .) }}{{ end }}
{{- end }}
{{- end }}

{{- define "keryx.checkServices" -}}
{{- $root := . }}
{{- range $pod := include "keryx.pods" . | fromYamlArray }}
{{- $spec := get (include "keryx.table" $root | fromYaml) $pod }}
{{- $service := (include "keryx.values" (list $root $pod) | fromYaml).service }}
{{- if and $spec.inner (not $spec.public) (ne $service.type "ClusterIP") (not $service.allowOutside) }}{{ fail (printf "%s.service.type %s opens to the world what is for the other pods; use ClusterIP, or set %s.service.allowOutside to true." $pod $service.type $pod) }}{{ end }}
{{- if and $service.hostPorts (not $spec.public) }}{{ fail (printf "%s.service.hostPorts would open to the world what is for the other pods; leave it out." $pod) }}{{ end }}
{{- $names := ternary $spec.public (keys (default (dict) $spec.inner)) (not (empty $spec.public)) }}
{{- range $kind := list "nodePorts" "hostPorts" }}
{{- range $name, $_ := get $service $kind }}
{{- if not (has $name $names) }}{{ fail (printf "%s.service.%s.%s is no port of it; it has %s." $pod $kind $name (join ", " (sortAlpha $names))) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "keryx.checkSecrets" -}}
{{- $root := . }}
{{- $needed := include "keryx.needed" . | fromYamlArray }}
{{- if not (include "keryx.setting" (list . "directory" "embedded" true)) }}
{{- if not (has "ldap-reader" $needed) }}{{ fail "secrets.ldapReader.existingSecret is missing: the Secret with the password of settings.directory.bind_dn at the external directory." }}{{ end }}
{{- if and (dig "directory" "admin_password_file" "" .Values.settings) (not (has "ldap-admin" $needed)) }}{{ fail "secrets.ldapAdmin.existingSecret is missing: the Secret with the password of settings.directory.admin_dn at the external directory." }}{{ end }}
{{- end }}
{{- if and (not (include "keryx.setting" (list . "database" "embedded" true))) (dig "database" "admin_user" "" .Values.settings) (not (has "postgresql-admin" $needed)) }}{{ fail "secrets.postgresqlAdmin.existingSecret is missing: the Secret with the password of settings.database.admin_user at the external database." }}{{ end }}
{{- if ne (include "keryx.secretPlace" (list . "webmail-token.key") | fromYaml).given (include "keryx.secretPlace" (list . "webmail-token.crt") | fromYaml).given }}{{ fail "secrets.webmailToken and secrets.webmailTokenCertificate are key and certificate of one pair: give both, or neither." }}{{ end }}
{{- range .Values.secrets.more }}
{{- if has .name (keys (include "keryx.secretNames" $root | fromYaml)) }}{{ fail (printf "secrets.more: %s is a name that the chart itself uses; take another one." .name) }}{{ end }}
{{- end }}
{{- end }}

{{- define "keryx.checkCertificates" -}}
{{- $certificate := .Values.certificate }}
{{- if and $certificate.certManager.enabled (not $certificate.certManager.issuerRef.name) }}{{ fail "certificate.certManager.issuerRef.name is missing: the issuer that cert-manager asks." }}{{ end }}
{{- if and $certificate.certManager.enabled $certificate.existingSecret }}{{ fail "certificate.existingSecret and certificate.certManager are both set: choose one." }}{{ end }}
{{- if and (eq (dig "web" "mta_sts" "mode" "testing" .Values.settings) "enforce") (not (or $certificate.existingSecret $certificate.certManager.enabled $certificate.copyFrom.name)) }}{{ fail "settings.web.mta_sts.mode: enforce needs a certificate that the world trusts, or other servers would no longer deliver; set certificate.certManager, certificate.existingSecret or certificate.copyFrom." }}{{ end }}
{{- if and .Values.innerTls.certManager.enabled (not .Values.innerTls.certManager.issuerRef.name) }}{{ fail "innerTls.certManager.issuerRef.name is missing: an issuer with an authority of its own." }}{{ end }}
{{- range $name, $from := .Values.authorities }}
{{- if and $from.secret $from.configMap }}{{ fail (printf "authorities.%s has a Secret and a ConfigMap: choose one." $name) }}{{ end }}
{{- end }}
{{- end }}

{{- define "keryx.checkRoutes" -}}
{{- $root := . }}
{{- $web := .Values.web }}
{{- $backend := include "keryx.port" (list . $web.backend) | fromYaml }}
{{- range $kind := list "ingress" "httpRoute" }}
{{- $routes := get $web $kind }}
{{- if $routes.enabled }}
{{- if and (kindIs "bool" $routes.webmail.enabled) $routes.webmail.enabled (eq (include "keryx.webmail" $root) "none") }}{{ fail (printf "web.%s.webmail.enabled is true and settings.webmail is none: switch one of them." $kind) }}{{ end }}
{{- if not $backend.enabled }}{{ fail (printf "web.backend is %s and settings.ports.%s is off: switch one of them." $web.backend $web.backend) }}{{ end }}
{{- if $backend.proxy_protocol }}{{ fail (printf "settings.ports.%s.proxy_protocol is on, and what stands before web.%s sends no such header: switch it off." $web.backend $kind) }}{{ end }}
{{- if and (eq $web.backend "http") (not $root.Values.settings.trusted_proxies) }}{{ fail (printf "web.%s ends TLS before the gateway, which would send every request back to https: name the networks of the controller's pods in settings.trusted_proxies, or set web.backend to https." $kind) }}{{ end }}
{{- end }}
{{- end }}
{{- if $web.httpRoute.enabled }}
{{- range include "keryx.routes" (list . $web.httpRoute) | fromYamlArray }}
{{- if not (default $web.httpRoute.parentRefs (get $web.httpRoute .name).parentRefs) }}{{ fail "web.httpRoute.parentRefs is missing: the Gateway that the routes belong to." }}{{ end }}
{{- end }}
{{- end }}
{{- range $port, $route := include "keryx.mailRoutes" . | fromYaml }}
{{- if not $route.parentRefs }}{{ fail (printf "%s.parentRefs is missing, and %s.ports has no Gateway for %s either." $route.section $route.section $port) }}{{ end }}
{{- end }}
{{- end }}
