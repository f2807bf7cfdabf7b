# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 五、数据质量 Data quality
#
# 收到什么、每一行去了哪里、哪些检查有提醒、哪些行被隔离、谁报得晚。
#
# What arrived, what became of every row, which checks found something, which rows are in quarantine, who reported late.

# %%
from IPython.display import display

from pipelines.analysis import quality
from pipelines.analysis.marts import open_marts
from pipelines.analysis.tables import sentences, table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)

# %%
quality.draw_deliveries(marts, language)

# %% [markdown]
# ## 行数台账 Row ledger
#
# 读入 = 接收 + 隔离 + 略过，每个文件每张工作表都相符。
#
# Read = accepted + quarantined + ignored, for every sheet of every file.

# %%
quality.draw_rows(marts, language)

# %%
table(quality.deliveries(marts, language), language)

# %% [markdown]
# ## 检查 Checks

# %%
table(quality.checks_by_source(marts, language), language)

# %%
table(quality.failing_checks(marts, language), language)

# %% [markdown]
# ## 隔离的行 Quarantine

# %%
table(quality.quarantine(marts, language), language)

# %% [markdown]
# ## 迟报 Lateness

# %%
for indicator in quality.ON_TIME:
    display(quality.draw_lateness(marts, indicator, language))

# %% [markdown]
# ## 可以问一问 Worth asking
#
# 以下是问题，不是结论：看到的可能完全正常。从何处起问，见 `screen_threshold`（工作定义）。
#
# These are questions, not verdicts: what was seen may well be as it should be. Where asking begins is a working
# definition, all of it in `screen_threshold`.

# %%
table(quality.screens(marts, language), language) if marts.has_analysis else sentences((), language, "results_only")
