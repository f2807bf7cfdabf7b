# 考核 Kaohe. `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
SCALE := .venv/.scale

.DEFAULT_GOAL := help
.PHONY: help install pipeline check demo test test-long test-spark coverage mutants lint format golden docs site-docs report lab lock audit clean

help: ## 列出命令 list the commands
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11+ is needed 需要 Python 3.11 以上"; exit 7; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# Spark and the peers of the benchmarks: large, and nothing a bureau needs.
$(SCALE): requirements-scale.lock $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-scale.lock
	@touch $@

install: $(INSTALLED) ## 按锁定文件安装 make the environment from the lock

pipeline: $(INSTALLED) ## 读取、检查、计分、发布 load, check, score and publish data/raw
	$(BIN)/kaohe run

check: $(INSTALLED) ## 只检查不发布 check data/raw and publish nothing
	$(BIN)/kaohe check

demo: $(INSTALLED) ## 重新生成合成报送文件 write the synthetic deliveries of data/raw again
	$(BIN)/kaohe demo

test: $(INSTALLED) ## 测试 run the tests
	$(BIN)/pytest -n 2 --dist loadscope -m "not long and not spark"

test-long: $(INSTALLED) ## 耗时测试 run the tests that take long
	$(BIN)/pytest -n 2 -m long

test-spark: $(SCALE) ## Spark 集群测试 run the tests on a Spark cluster of their own (Java 17)
	$(BIN)/pytest -m spark

# Measuring makes YAML nested without end some five times as slow to refuse as its test allows.
coverage: $(INSTALLED) ## 覆盖率，必须全部 which branches of rubric and reading no test reaches: none may be left
	$(BIN)/pytest -n 2 -m "not spark" --cov \
		--deselect "tests/hostile/test_security.py::test_settings_are_plain_data_or_refused_at_once"

mutants: $(INSTALLED) ## 变异测试，数小时 break models, rubric and reading, one place at a time: which breaks no test notices
	$(BIN)/python tests/mutation.py
	$(BIN)/python tests/mutation_python.py

lint: $(INSTALLED) ## 规范与类型 what pre-commit and CI hold the code to
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(BIN)/yamllint --strict .
	$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 pipelines
	$(BIN)/kaohe rubric lint

format: $(INSTALLED) ## 整理格式 put the code in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix --disable-progress-bar --processes 2 pipelines

golden: $(INSTALLED) ## 更新比对结果 renew the golden marts, after reading what moved
	$(BIN)/pytest tests/test_golden.py --renew-golden

docs: $(INSTALLED) ## 更新生成的文档 renew the generated documents
	$(BIN)/python -m pipelines.reference

site-docs: $(INSTALLED) ## 文档网站，不联网可看 the documents as a site: build/site/docs/index.html
	$(BIN)/sphinx-build -q -W --keep-going -c docs -b html -d build/doctrees . build/site

report: $(INSTALLED) ## 报告、工作簿、网站 notebooks as pages, workbooks and site; YEARS="2014 2015" picks a pair
	$(BIN)/kaohe report --years "$(YEARS)"

lab: $(INSTALLED) ## 打开笔记本 open the notebooks
	JUPYTER_CONFIG_PATH=notebooks/.jupyter $(BIN)/jupyter lab notebooks

lock: ## 更新锁定文件 resolve the dependencies anew (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--extra desk --extra develop pyproject.toml -o requirements.lock
	$(PYTHON) -c 'import tomllib; extras = tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]; \
		print(*extras["spark"], *extras["benchmark"], sep="\n")' | \
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--constraint requirements.lock - -o requirements-scale.lock

audit: ## 查已知漏洞 hold the locked packages to the published advisories (needs uv and a network)
	uvx pip-audit --strict --require-hashes --disable-pip -r requirements.lock -r requirements-scale.lock

clean: ## 删除运行产物 remove what runs leave behind
	rm -rf data/warehouse.duckdb* data/marts.lock data/marts.run.json data/marts/.publications data/marts/current \
		data/marts/returned
	find data/marts -type l -delete
