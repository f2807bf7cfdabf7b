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
# # 三、年度对比 Year over year
#
# 任意两年：谁升谁降、等次变动、哪些条款带动全市，以及每个镇街从一个总分到另一个总分的每一步及其原因：业绩数据、
# 考核评分、复核更正、数据有无、撤并（逐步相加，分毫不差）。
# 镇街按单位编号对应，改名、改代码仍是同一单位。
#
# Any two years: who rose and fell, how grades changed, which items moved the city, and every town's way from one total
# to the other, step by step, each with its cause: figures, judgement, review, reported or not, towns merged. The steps
# add up exactly. Towns are matched by identifier, through any change of name or code.

# %%
from IPython.display import display

from pipelines.analysis import comparison
from pipelines.analysis.marts import open_marts
from pipelines.analysis.tables import sentences, table

# %% tags=["parameters"]
marts_folder = "../data/marts"  # 结果文件夹 published results
before = 0  # 前一年，0 为倒数第二年 the year before the last
after = 0  # 后一年，0 为最近一年 the last year
town = ""  # 只看一个镇街，留空为全部 all towns
language = "zh"  # zh 或 or en

# %%
marts = open_marts(marts_folder)
before, after = before or marts.years[-2], after or marts.years[-1]

# %% [markdown]
# ## 能否直接比较 Can the years be compared?

# %%
sentences(comparison.comparability(marts, before, after, language), language, none="compare_same")

# %% [markdown]
# ## 谁升谁降 Who rose and who fell

# %%
comparison.rise_and_fall(marts, before, after, language)

# %%
table(comparison.movers_table(marts, before, after), language)

# %% [markdown]
# ## 等次变动 Grades

# %%
comparison.transitions(marts, before, after, language)

# %% [markdown]
# ## 哪些条款带动全市 Which items moved the city

# %%
comparison.city_moves(marts, before, after, language)

# %% [markdown]
# ## 每个镇街的每一步 Every town, step by step

# %%
for each in comparison.towns_to_draw(marts, before, after, town):
    display(comparison.draw_waterfall(marts, each, before, after, language))

# %%
table(comparison.steps_table(marts, before, after, language), language)
