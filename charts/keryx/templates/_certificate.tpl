{{/* Certificates: names and places. */}}

{{/* The names in a pod's own certificate, as a list: (list $ "dovecot"). */}}
{{- define "keryx.tlsNames" -}}
{{- $root := first . }}
{{- $pod := index . 1 }}
{{- $short := printf "%s-%s" (include "keryx.fullname" $root) $pod }}
{{- $names := list }}
{{- range ternary (list $short (include "keryx.publicServiceName" .)) (list $short) (not (empty (get (include "keryx.table" $root | fromYaml) $pod).public)) }}
{{- $names = concat $names (list . (printf "%s.%s" . $root.Release.Namespace) (printf "%s.%s.svc" . $root.Release.Namespace) (printf "%s.%s.svc.%s" . $root.Release.Namespace $root.Values.clusterDomain)) }}
{{- end }}
{{- if eq (get (include "keryx.table" $root | fromYaml) $pod).kind "StatefulSet" }}
{{- $names = append $names (printf "*.%s" (include "keryx.serviceHost" .)) }}
{{- end }}
{{- if eq (toString (get (include "keryx.table" $root | fromYaml) $pod).certificate) "true" }}
{{- $names = concat $names (include "keryx.hosts" $root | fromYamlArray) (include "keryx.domainHosts" $root | fromYamlArray) }}
{{- end }}
{{- range uniq $names }}
- {{ . | quote }}
{{- end }}
{{- end }}

{{/* The Secret with the certificate that the world is shown. */}}
{{- define "keryx.certificateSecret" -}}
{{- default (printf "%s-certificate" (include "keryx.fullname" .)) .Values.certificate.existingSecret }}
{{- end }}

{{/* The names in the public certificate, as a list. */}}
{{- define "keryx.certificateNames" -}}
{{- $names := include "keryx.hosts" . | fromYamlArray }}
{{- if .Values.certificate.certManager.domainNames }}
{{- $names = concat $names (include "keryx.domainHosts" . | fromYamlArray) }}
{{- end }}
{{- toYaml (uniq (concat $names .Values.certificate.certManager.dnsNames)) }}
{{- end }}
