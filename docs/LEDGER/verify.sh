#!/bin/sh
# Check decision records with nothing but sh, coreutils, sed, grep and ssh-keygen: sh docs/LEDGER/verify.sh [DEC…]
# Checks each record's signatures, roles, chain and subjects' digests; `rollout verify` checks more (cards, forms, keys).
export LC_ALL=C; cd "$(dirname "$0")" || exit 1
p=../../params; code=0; scratch=$(mktemp) && trap 'rm -f "$scratch"' EXIT
wrong() { printf '%s  WRONG  %s\n' "$r" "$1"; code=1; ok=; }
digest() { sha256sum < "$1" | cut -d ' ' -f 1; }
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$2"; }
heads() { grep -o "\"$1\":\[[^]]*\]" "$2" | grep -o '{"id":"[^"]*","sha256":"[0-9a-f]*"}' | sed 's/{"id":"\(.*\)","sha256":"\(.*\)"}/\1 \2/'; }
[ $# -gt 0 ] || { set -- dec-*.record; [ -e "$1" ] || { echo "no records"; exit 0; }; }
for r; do
  r=${r%.record}; f=$r.record; ok=1; roles=
  grep -q "\"id\":\"$r\",\"kind\"" "$f" || { wrong "there is no such record, or it is a copy of another"; continue; }
  heads prev "$f" > "$scratch"; while read -r id sha; do
    [ "$(digest "$id.record" 2>/dev/null)" = "$sha" ] || wrong "it follows $id, which was edited or deleted"; done < "$scratch"
  sed 's/.*"subject":\[//' "$f" | grep -o '{"digest":{"sha256":"[0-9a-f]*"},"name":"[^"]*"}' | sed 's/.*"sha256":"\(.*\)"},"name":"\(.*\)"}/\1  \2/' > "$scratch"
  [ ! -s "$scratch" ] || sha256sum --check --status "$scratch" 2>/dev/null || wrong "a file that it rests on was changed or is missing"
  verdict=$(sed 's/.*"verdict":"\([A-Z_]*\)","waivers".*/\1/' "$f"); by=$(sed 's/.*"prepared":{"at":"[^"]*","by":"\([^"]*\)"}.*/\1/' "$f"); keys=
  for s in "$r".*.signoff; do
    [ -e "$s" ] || break
    who=${s#"$r".}; who=${who%.signoff}; role=$(value role "$s"); at=$(value signedAt "$s" | tr -d ':T-')
    said=$(ssh-keygen -Y verify -f $p/allowed_signers -I "$who" -n rollout-signoff@v1 -s "$s.sig" -Overify-time="$at" < "$s" 2>/dev/null) || { wrong "the signature of $who does not hold"; continue; }
    grep -q "\"record\":{\"id\":\"$r\",\"sha256\":\"$(digest "$f")\"}" "$s" || wrong "the record was changed after $who signed it, or the signoff is another's"
    sed 's/.*"people":{//; s/},"revokedKeys".*//' "$f" | grep -q "\"$who\":{\"name\":\"[^\"]*\",\"roles\":\[[^]]*\"$role\"" || { wrong "$who is not $role"; continue; }
    [ "$verdict $who" != "GO $by" ] || { wrong "$who prepared it and cannot approve it"; continue; }
    case $keys in *"${said##* }"*) wrong "one key signed twice"; continue ;; esac; keys="$keys ${said##* }"
    [ "$(value decision "$s")" != "$verdict" ] || roles="$roles $role"
  done
  for due in $(sed "s/.*\"$verdict\":{\"now\":\[\([^]]*\)\].*/\1/" "$f" | tr -d '"' | tr , ' '); do
    case " $roles " in *" $due "*) ;; *) wrong "$verdict needs the signature of $due" ;; esac; done
  [ -z "$ok" ] || printf '%s  ok     %s signed by%s\n' "$r" "$verdict" "$roles"
done
exit $code
