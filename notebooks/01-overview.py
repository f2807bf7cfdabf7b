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
# # 一、总览 Overview
#
# 各镇街历年等次、总分分布与排名。待定的镇街画出可能的总分范围，不参加排名。
#
# Grades over towns and years, how totals spread, the league table. A town whose result is not final shows as the range
# it can still come to, and has no rank.

# %%
from pipelines.analysis import overview
from pipelines.analysis.marts import open_marts
from pipelines.analysis.tables import table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
year = 0  # 年度，0 为最近一年 the last year
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
year = year or marts.years[-1]

# %%
overview.grades_by_year(marts, language)

# %%
overview.grades_of_towns(marts, language)

# %% [markdown]
# ## 总分分布 How totals spread

# %%
overview.distribution(marts, year, language)

# %%
overview.totals_by_year(marts, language)

# %% [markdown]
# ## 排名 League table

# %%
overview.league(marts, year, language)

# %%
table(overview.league_table(marts, year), language)
