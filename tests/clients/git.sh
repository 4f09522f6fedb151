# git: a bare repository over plain files ("dumb" HTTP), packed and loose.

commit() { # TEXT
    echo "$1" >source/file
    git -C source add file
    git -C source -c user.name=tester -c user.email=tester@localhost commit -qm "$1"
}
publish() { # OPTION ...
    git -C source push -q "$@" "$site/repository.git" main
    git -C "$site/repository.git" update-server-info
}
git_clone() {
    export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
    git init -q -b main source
    git init -q -b main --bare "$site/repository.git"
    for i in $(seq 20); do commit "packed $i"; done
    git -C source tag packed
    publish --tags
    git -C "$site/repository.git" gc -q
    git -C "$site/repository.git" update-server-info
    [ ! -e "$site/repository.git/refs/heads/main" ]
    git clone -q "$url/repository.git" copy
    git -C copy fsck --full
    cmp copy/file source/file
    [ "$(git -C copy rev-parse main packed)" = "$(git -C source rev-parse main packed)" ]
    logged 1 '"GET /repository.git/objects/pack/pack-[0-9a-f]*.pack HTTP/1.1" 200 '

    commit loose
    publish
    sleep 1.2 # an answer may be a second old
    git -C copy pull -q
    git -C copy fsck --full
    cmp copy/file source/file
    [ "$(git -C copy rev-parse main)" = "$(git -C source rev-parse main)" ]
    logged 3 '"GET /repository.git/objects/[0-9a-f]*/[0-9a-f]* HTTP/1.1" 200 '
}
