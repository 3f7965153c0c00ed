{{/* The pod of a command about the whole release: the administration's view, every secret. */}}
{{- define "keryx.jobSpec" -}}
serviceAccountName: {{ include "keryx.serviceAccountName" (list .root "admin") }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "keryx.pullSecrets" .root }}
securityContext:
  {{- include "keryx.podSecurity" (dict "root" .root "pod" "admin" "own" .values.podSecurityContext) | nindent 2 }}
containers:
  - name: {{ .name }}
    image: {{ include "keryx.image" (dict "root" .root "component" "privileged" "own" .own.image) }}
    imagePullPolicy: {{ include "keryx.pullPolicy" (dict "root" .root "component" "privileged" "own" .own.image) }}
    command: {{ toJson .command }}
    env:
      {{- include "keryx.environment" (dict "pod" "admin") | nindent 6 }}
      {{- with .own.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    resources:
      {{- toYaml .own.resources | nindent 6 }}
    securityContext:
      {{- include "keryx.containerSecurity" (dict "root" .root "pod" "admin" "container" "privileged" "own" .values.securityContext) | nindent 6 }}
    volumeMounts:
      {{- include "keryx.mounts" (dict "root" .root "pod" "admin" "container" .name "job" true) | nindent 6 }}
volumes:
  {{- include "keryx.volumes" (dict "root" .root "pod" "admin" "containers" (list .name) "secrets" (include "keryx.needed" .root | fromYamlArray)) | nindent 2 }}
{{- include "keryx.placing" .values }}
{{- end }}
