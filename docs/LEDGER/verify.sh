#!/bin/sh
# Check decision records with nothing but sh, coreutils, sed, grep and ssh-keygen: sh docs/LEDGER/verify.sh [DEC…]
# Checks each record's signatures, roles, chain and subjects' digests; `rollout verify` checks more (cards, forms, keys).
# Exit code 0: all holds; 10: all holds, and something waits; 1: something is WRONG, or LATE by more than a day.
export LC_ALL=C; cd "$(dirname "$0")" || exit 1
p=../../params; code=0; scratch=$(mktemp) && trap 'rm -f "$scratch"' EXIT
wrong() { printf '%s  %s  %s\n' "$r" "${2:-WRONG}" "$1"; code=1; ok=; }
waits() { printf '%s  waits  %s\n' "$1" "$2"; [ $code -ne 0 ] || code=10; ok=; }
digest() { sha256sum < "$1" | cut -d ' ' -f 1; }
value() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$2"; }
heads() { grep -o "\"$1\":\[[^]]*\]" "$2" | grep -o '{"id":"[^"]*","sha256":"[0-9a-f]*"}' | sed 's/{"id":"\(.*\)","sha256":"\(.*\)"}/\1 \2/'; }
seq() { sed 's/.*"seq":\([0-9]*\),.*/\1/' "$1"; }
people() { sed 's/.*"people":{//; s/},"revokedKeys".*//' "$1"; }
is() { people "$1" | grep -q "\"$2\":{\"name\":\"[^\"]*\",\"roles\":\[[^]]*\"$3\""; }
some() { people "$1" | grep -q "\"roles\":\[[^]]*\"$2\""; }
earlier() { for o in dec-*.record; do [ "$(seq "$o")" -ge "$(seq "$1")" ] || ! some "$o" "$2" || return 0; done; return 1; }
later() { for o in dec-*.record; do [ "$(seq "$o")" -le "$(seq "$1")" ] || ! is "$o" "$2" "$3" || return 0; done; return 1; }
for b in ../ROLLBACKS/*.record ../../params/ROLLBACKS/*.record; do
  [ ! -e "$b" ] || waits "$b" "it is recorded beside the ledger and waits to be joined (rollout ledger --join)"; done
[ $# -gt 0 ] || { set -- dec-*.record; [ -e "$1" ] || { echo "no records"; exit $code; }; }
for r; do
  r=${r%.record}; f=$r.record; ok=1; roles=
  grep -q "\"id\":\"$r\",\"kind\"" "$f" || { wrong "there is no such record, or it is a copy of another"; continue; }
  heads prev "$f" > "$scratch"; while read -r id sha; do
    [ "$(digest "$id.record" 2>/dev/null)" = "$sha" ] || wrong "it follows $id, which was edited or deleted"; done < "$scratch"
  sed 's/.*"subject":\[//' "$f" | grep -o '{"digest":{"sha256":"[0-9a-f]*"},"name":"[^"]*"}' | sed 's/.*"sha256":"\(.*\)"},"name":"\(.*\)"}/\1  \2/' > "$scratch"
  [ ! -s "$scratch" ] || sha256sum --check --status "$scratch" 2>/dev/null || wrong "a file that it rests on was changed or is missing"
  verdict=$(sed 's/.*"verdict":"\([A-Z_]*\)","waivers".*/\1/' "$f"); by=$(sed 's/.*"prepared":{"at":"[^"]*","by":"\([^"]*\)"}.*/\1/' "$f"); keys=
  t=$f; [ "$verdict" != KEYS ] || t=$(heads prev "$f" | sed -n '1s/ .*/.record/p')  # a change of keys: by the rules of before
  [ -e "$t" ] || t=$f
  for s in "$r".*.signoff; do
    [ -e "$s" ] || break
    who=${s#"$r".}; who=${who%.signoff}; role=$(value role "$s"); at=$(value signedAt "$s" | tr -d ':T-')
    said=$(ssh-keygen -Y verify -f $p/allowed_signers -I "$who" -n rollout-signoff@v1 -s "$s.sig" -Overify-time="$at" < "$s" 2>/dev/null) || { wrong "the signature of $who does not hold"; continue; }
    grep -q "\"record\":{\"id\":\"$r\",\"sha256\":\"$(digest "$f")\"}" "$s" || wrong "the record was changed after $who signed it, or the signoff is another's"
    # A role that nobody had when a record was written is signed for by whom a later change of keys gave it.
    is "$t" "$who" "$role" || { [ "$verdict" != KEYS ] && ! some "$f" "$role" && later "$f" "$who" "$role"; } || { wrong "$who is not $role"; continue; }
    case "$verdict $who" in "GO $by" | "KEYS $by") false ;; esac || { wrong "$who prepared it and cannot approve it"; continue; }
    case $keys in *"${said##* }"*) wrong "one key signed twice"; continue ;; esac; keys="$keys ${said##* }"
    [ "$(value decision "$s")" != "$verdict" ] || roles="$roles $role"
  done
  for s in "$r".*.signoff.sig; do [ ! -e "$s" ] || [ -e "${s%.sig}" ] || wrong "${s%.sig} is missing"; done
  asked=$(sed "s/.*\"$verdict\":{\"now\":\[\([^]]*\)\],\"within24h\":\[\([^]]*\)\].*/\1,\2/" "$t" | tr -d '"' | tr , ' ')
  made=$(sed 's/.*"prepared":{"at":"\([^"]*\)".*/\1/' "$f" | tr -d 'TZ:-'); day=$(date -u -d '24 hours ago' +%Y%m%d%H%M%S)
  for due in $asked; do
    case " $roles " in *" $due "*) continue ;; esac
    if [ "$verdict" = KEYS ] && ! earlier "$f" "$due"; then continue; fi  # nobody before it could sign it
    if [ "$verdict" = ROLLBACK ] && [ "$made" -lt "$day" ]; then wrong "$verdict needed the signature of $due within 24 hours" 'LATE '
    else waits "$r" "$verdict needs the signature of $due"; fi; done
  [ -z "$ok" ] || printf '%s  ok     %s signed by%s\n' "$r" "$verdict" "${roles:- nobody; nobody before it could}"
done
exit $code
