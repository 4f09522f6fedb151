# shunt's build. The two commands that matter:
#
#   make run  [ROOT=DIR] [OPTIONS='--listen 8081']   builds, and serves the sample site (or DIR) on http://127.0.0.1:8080
#   make test              installs what the tests need where it is missing, and runs them all
#
# make · make install DESTDIR= PREFIX= · make floors · make format · make soak · make clean
# make bench [QUICK=1] · make bench-models [QUICK=1] · make bench-parse
# make SANITIZE=address,undefined · make SANITIZE=thread   (built into build/<what>/)
# V=1 shows the commands.

CC      ?= cc
PREFIX  ?= /usr/local
DESTDIR ?=
UNITDIR ?= $(PREFIX)/lib/systemd/system
ROOT    ?= conf/site
SANITIZE ?=

comma := ,
BUILD := build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))

WARNINGS  := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
             -Wcast-qual -Wwrite-strings -Wformat=2 -Werror
HARDENING := -fstack-protector-strong -fstack-clash-protection -fPIE -D_FORTIFY_SOURCE=2
CFLAGS    ?= -O2 -g
STANDARD  := -std=c11 -D_GNU_SOURCE -pthread -Iinclude
LINKING   := -pthread -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
ifneq ($(SANITIZE),)
CFLAGS    := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize=$(SANITIZE)
HARDENING := -fPIE
LINKING   += -fsanitize=$(SANITIZE)
endif
COMPILE := $(CC) $(STANDARD) $(WARNINGS) $(HARDENING) $(CFLAGS)

# What is being made, or with V=1 how.
V   ?=
Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '  %-5s %s\n' '$(1)' '$@')

# The floors, lowest first. A folder may include what stands before it in this list (make floors proves it).
FLOORS := base os http files reply conn model server pack

# What is for one kernel only is a whole file, named after its kernel or its mechanism.
KERNEL := $(shell uname -s)
OTHERS := $(if $(filter Linux,$(KERNEL)),%_kqueue.c %_bsd.c %_darwin.c,%_epoll.c %_linux.c)

# The scanners are for one kind of processor each; SCAN=plain takes those for any.
MACHINE := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
SCAN    ?= $(or $(if $(filter x86_64 amd64,$(MACHINE)),sse2),$(if $(filter aarch64 arm64,$(MACHINE)),neon),plain)
OTHERS  += $(filter-out src/http/scan_$(SCAN).c,$(wildcard src/http/scan_*.c))

SOURCES := $(filter-out $(OTHERS),$(foreach floor,$(FLOORS),$(sort $(wildcard src/$(floor)/*.c))))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard $(FLOORS:%=tests/%/*_test.c))))
HELPERS := $(patsubst tests/lib/%.c,$(BUILD)/tests/lib/%.o,$(sort $(wildcard tests/lib/*.c)))

.PHONY: all run test bench bench-models bench-parse floors format install clean soak unit sources

all: $(BUILD)/shunt

$(BUILD)/shunt: $(BUILD)/obj/main.o $(OBJECTS)
	$(call say,LINK)
	$(Q)$(CC) $(LINKING) -o $@ $^ $(LDLIBS)

# A change of compiler or flags rebuilds everything.
FLAGS := $(COMPILE) | $(LINKING) | $(SCAN)
$(BUILD)/flags: FORCE
	@mkdir -p $(BUILD)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' > $@
.PHONY: FORCE

$(BUILD)/obj/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/tests/lib/%.o: tests/lib/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -Itests -MMD -MP -c -o $@ $<

# A test program has one source, and everything but main to call.
$(BUILD)/tests/%: tests/%.c $(HELPERS) $(OBJECTS)
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -Itests -MMD -MP -MF $@.d $(LINKING) -o $@ $< $(HELPERS) $(OBJECTS) -lcmocka $(LDLIBS)

# A benchmark of what needs no more than these two floors.
$(BUILD)/bench/%: bench/%.c $(filter $(BUILD)/obj/base/% $(BUILD)/obj/http/%,$(OBJECTS))
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(COMPILE) -MMD -MP -MF $@.d $(LINKING) -o $@ $< $(filter %.o,$^) $(LDLIBS)

# The sources of the floors that IN names, for whoever compiles them in another way.
sources:
	@printf '%s\n' $(filter $(IN:%=src/%/%),$(SOURCES))

.PRECIOUS: $(BUILD)/tests/lib/%.o

# The unit test programs alone, built and not run.
unit: $(TESTS)

run: all
	$(BUILD)/shunt $(OPTIONS) $(ROOT)

test:
	@tests/install-needs
	@tests/run

soak: all
	tests/soak

bench: all
	bench/run $(if $(QUICK),--quick)

bench-models: all
	bench/models $(if $(QUICK),--quick)
	bench/options $(if $(QUICK),--quick)

bench-parse:
	bench/parse

floors:
	tests/floors $(FLOORS)

format:
	clang-format -i $$(git ls-files --cached --others --exclude-standard '*.c' '*.h')

install: all
	install -d '$(DESTDIR)$(PREFIX)/bin' '$(DESTDIR)$(PREFIX)/share/man/man1' '$(DESTDIR)$(UNITDIR)'
	install -m 755 $(BUILD)/shunt '$(DESTDIR)$(PREFIX)/bin/shunt'
	install -m 644 man/shunt.1 '$(DESTDIR)$(PREFIX)/share/man/man1/shunt.1'
	sed 's|@PREFIX@|$(PREFIX)|g' conf/shunt.service > '$(DESTDIR)$(UNITDIR)/shunt.service'
	chmod 644 '$(DESTDIR)$(UNITDIR)/shunt.service'

clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(BUILD)/obj/main.d $(TESTS:=.d) $(HELPERS:.o=.d) $(wildcard $(BUILD)/bench/*.d)
